package server

import (
	"hash/fnv"
	"strings"

	"github.com/minio/crc64nvme"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// place is where a stream is in a log, with what the cursor there needs to know.
type place struct {
	at   cursor // but for its hash
	last []byte // the bytes before, as many as a cursor compares
}

func newPlace(at cursor) place {
	at.overlap = 0
	return place{at: at}
}

// keep notes bytes before the place, without moving it.
func (p *place) keep(data []byte) {
	if len(data) >= maxOverlap {
		p.last = append(p.last[:0], data[len(data)-maxOverlap:]...)
		return
	}
	p.last = append(p.last, data...)
	if over := len(p.last) - maxOverlap; over > 0 {
		p.last = p.last[:copy(p.last, p.last[over:])]
	}
}

// advance moves the place behind data.
func (p *place) advance(data []byte) {
	p.at.offset += int64(len(data))
	if p.at.known {
		p.at.crc = crc64nvme.Update(p.at.crc, data)
	}
	p.keep(data)
}

func (p *place) cursor() string {
	c := p.at
	c.overlap = uint16(len(p.last)) //nolint:gosec // at most maxOverlap
	c.hash = overlapHash(p.last)
	return c.String()
}

// instanceTag is the short name of a GitLab in cursors.
func instanceTag(url string) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(url)))
	return uint16(h.Sum32()) //nolint:gosec // a tag
}

// tailOf is the tail that the request asks for.
func tailOf(req *jobgatev1.ReadTraceRequest) (upstream.Tail, bool) {
	switch start := req.GetStart().(type) {
	case *jobgatev1.ReadTraceRequest_TailBytes:
		return upstream.Tail{Bytes: start.TailBytes}, true
	case *jobgatev1.ReadTraceRequest_TailLines:
		return upstream.Tail{Lines: int(start.TailLines)}, true
	}
	return upstream.Tail{}, false
}

// archivedSize is the size of a log that was archived, -1 if it was not.
func archivedSize(job *jobgatev1.Job) int64 {
	for _, a := range job.GetArtifacts() {
		if a.GetFileType() == jobgatev1.ArtifactFileType_ARTIFACT_FILE_TYPE_TRACE && a.Size != nil {
			return a.GetSize()
		}
	}
	return -1
}

// final says whether a job in that state changes no more.
func final(s jobgatev1.JobStatus) bool {
	switch s {
	case jobgatev1.JobStatus_JOB_STATUS_SUCCESS, jobgatev1.JobStatus_JOB_STATUS_FAILED,
		jobgatev1.JobStatus_JOB_STATUS_CANCELED, jobgatev1.JobStatus_JOB_STATUS_SKIPPED:
		return true
	}
	return false
}

// statusWord is GitLab's own word for the job's state.
func statusWord(job *jobgatev1.Job) string {
	if raw, ok := job.GetExtra()["status"]; ok {
		return strings.Trim(raw, `"`)
	}
	if job.GetStatus() == 0 {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(job.GetStatus().String(), "JOB_STATUS_"))
}

// Bounds of a tail.
const (
	maxTailBytes = 1 << 30
	maxTailLines = 100_000
)

// trace checks where a request for a log begins and how much it wants.
func (v *violations) trace(req *jobgatev1.ReadTraceRequest) {
	switch start := req.GetStart().(type) {
	case *jobgatev1.ReadTraceRequest_Offset:
		if start.Offset < 0 {
			v.add("offset", "must not be negative")
		}
	case *jobgatev1.ReadTraceRequest_TailBytes:
		if start.TailBytes < 1 || start.TailBytes > maxTailBytes {
			v.add("tail_bytes", "must be from 1 to 1073741824")
		}
	case *jobgatev1.ReadTraceRequest_TailLines:
		if start.TailLines < 1 || start.TailLines > maxTailLines {
			v.add("tail_lines", "must be from 1 to 100000")
		}
	}
	if req.GetLimit() < 0 {
		v.add("limit", "must not be negative")
	}
	if req.GetFollow() && len(req.GetExtraParameters()) > 0 {
		v.add("extra_parameters", "must not be set together with follow: the log is shared")
	}
}
