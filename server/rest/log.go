package rest

import (
	"net/http"
	"strconv"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream"
)

// sendLog answers the log of a job: the bytes as GitLab has them (contract, section 10),
// or a part of them. A failure after the first byte breaks the connection; grpc-gateway's
// own handler of streams would append it to the log.
func (x *exchange) sendLog(part logPart) {
	x.LogOnly = true
	s := &logSender{exchange: x, part: part}
	err := x.pushLog(s.part, s.take)
	if s.whole { // the part cannot be told
		s = &logSender{exchange: x}
		err = x.pushLog(s.part, s.take)
	}
	if err == nil && s.nothing {
		x.unsatisfiable()
		return
	}
	x.finish(err)
}

func (x *exchange) pushLog(part logPart, take func(any) error) error {
	id, _ := strconv.ParseInt(x.id, 10, 64) // isID has seen it
	req := &jobgatev1.ReadTraceRequest{Project: x.project, JobId: id, ExtraParameters: x.bound.extra}
	part.ask(req)
	return x.face.cfg.Channel.Push(x.context(), jobgatev1.TraceService_ReadTrace_FullMethodName, req, take)
}

// logSender turns the events of a log into an answer.
type logSender struct {
	*exchange
	part    logPart
	held    []byte // a part of unknown length, until its end
	from    int64  // where it begins
	whole   bool   // the part cannot be told, and the whole is to be sent
	nothing bool   // the part is beyond the end
}

// largestHeld is the largest part of unknown length that is answered as a part, in bytes.
const largestHeld = 1 << 20

// take takes an event.
func (s *logSender) take(message any) error {
	event, _ := message.(*jobgatev1.ReadTraceResponse)
	switch event := event.GetEvent().(type) {
	case *jobgatev1.ReadTraceResponse_Chunk:
		return s.chunk(event.Chunk.GetOffset(), event.Chunk.GetData())
	case *jobgatev1.ReadTraceResponse_End:
		return s.end()
	}
	return nil
}

func (s *logSender) chunk(offset int64, data []byte) error {
	if !s.started && s.part.ranged {
		if s.LogLength < 0 {
			return s.hold(offset, data)
		}
		s.begin(offset, s.LogLength)
	} else if !s.started {
		s.begin(offset, s.LogLength)
	}
	if s.fresh {
		return inproc.ErrEnough
	}
	_, err := writer{s.exchange}.Write(data)
	return err
}

// hold keeps a part until its length is known.
func (s *logSender) hold(offset int64, data []byte) error {
	if s.held == nil {
		s.from = offset
	}
	if len(s.held)+len(data) > largestHeld {
		s.whole, s.held = true, nil
		return inproc.ErrEnough
	}
	s.held = append(s.held, data...)
	return nil
}

func (s *logSender) end() error {
	switch {
	case s.started:
		return nil
	case len(s.held) > 0:
		s.begin(s.from, int64(len(s.held)))
		if s.fresh {
			return nil
		}
		_, err := writer{s.exchange}.Write(s.held)
		return err
	case s.part.ranged && s.part.offset > 0:
		s.nothing = true
		return nil
	}
	s.part.ranged = false // there is nothing to have a part of
	s.begin(0, 0)
	return nil
}

// begin writes the header of length bytes from offset on, -1 if that is not known.
func (s *logSender) begin(offset, length int64) {
	s.succeed(s.Reply.Status, s.Reply.Header)
	if s.fresh {
		s.start(s.status)
		return
	}
	h := s.Header()
	if s.part.ranged {
		s.status = http.StatusPartialContent
		delete(h, "ETag") // that of the whole log, or of GitLab's part
		h.Set("Accept-Ranges", "bytes")
		h.Set("Content-Range", s.part.contentRange(offset, length))
	}
	if length >= 0 {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	s.start(s.status)
}

// unsatisfiable answers that the log has no such part, and how long it is.
func (x *exchange) unsatisfiable() {
	size := int64(-1)
	raw := upstream.Raw{Method: http.MethodHead, Path: x.path, Query: x.rawQuery, Accept: "*/*"}
	_ = x.face.cfg.Relay(x.context(), raw, func(resp *http.Response) error {
		if resp.StatusCode == http.StatusOK {
			size = resp.ContentLength
		}
		return nil
	})
	if size >= 0 {
		x.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
	}
	x.Header().Set("Accept-Ranges", "bytes")
	x.refuse(&refusal{http.StatusRequestedRangeNotSatisfiable, `{"error":"416 Range Not Satisfiable"}`})
}
