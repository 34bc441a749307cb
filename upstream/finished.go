package upstream

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// finished says which frames are answers for a while without GitLab being asked: those of
// jobs that are over, to the credential that GitLab gave or confirmed them to a moment ago.
// A write through this client ends that for all of them.
type finished struct {
	keep  time.Duration // 0 is never
	born  time.Time     // times are counted from here
	wrote atomic.Int64  // when a write began or ended last
}

// now is never 0, which stands for a time that there was not.
func (f *finished) now() int64 { return int64(time.Since(f.born)) + 1 }

// confirmed notes that GitLab said yes to the answer of a request that was sent at asked.
func (f *finished) confirmed(r *request, held *Frame, asked int64) {
	if f.keep > 0 && r.finishes && held != nil && isOver(held.wire) {
		held.asked.Store(asked)
	}
}

// written is to be called when a write begins and when it ends.
func (f *finished) written() { f.wrote.Store(f.now()) }

// holds tells the age of a frame that is an answer still.
func (f *finished) holds(held *Frame) (age time.Duration, ok bool) {
	asked := held.asked.Load()
	age = time.Duration(f.now() - asked)
	return age, asked > f.wrote.Load() && age < f.keep
}

// findFinished is the answer of a read that GitLab need not be asked for.
func (c *Client) findFinished(key frameKey, r *request) (answer fetched, ok bool) {
	if c.finished.keep <= 0 || !r.finishes || c.frames == nil {
		return fetched{}, false
	}
	held := c.frames.lookup(key)
	if held == nil {
		return fetched{}, false
	}
	age, ok := c.finished.holds(held)
	if !ok {
		return fetched{}, false
	}
	c.frames.unasked.Add(1)
	answer.wire, answer.header = held.wire, held.header.Clone()
	answer.header.Set("Age", strconv.Itoa(int(age/time.Second)))
	answer.call.Reply, answer.call.Frame = Reply{Status: http.StatusOK, Header: answer.header}, held
	return answer, true
}

// isOver says whether a job, as wire bytes, has a status that no job leaves again.
func isOver(wire []byte) bool {
	var status jobgatev1.JobStatus
	for len(wire) > 0 {
		number, kind, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return false
		}
		size := protowire.ConsumeFieldValue(number, kind, wire[n:])
		if size < 0 {
			return false
		}
		if number == statusField && kind == protowire.VarintType {
			value, _ := protowire.ConsumeVarint(wire[n:])
			status = jobgatev1.JobStatus(value) //nolint:gosec // an enum
		}
		wire = wire[n+size:]
	}
	switch status {
	case jobgatev1.JobStatus_JOB_STATUS_SUCCESS, jobgatev1.JobStatus_JOB_STATUS_FAILED,
		jobgatev1.JobStatus_JOB_STATUS_CANCELED, jobgatev1.JobStatus_JOB_STATUS_SKIPPED:
		return true
	}
	return false
}

// statusField is the number of a job's status in the contract.
var statusField = new(jobgatev1.Job).ProtoReflect().Descriptor().Fields().ByName("status").Number()
