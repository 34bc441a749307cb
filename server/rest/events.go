package rest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
)

// The forms in which the events of a log can be had, by `Accept`.
const (
	formSSE    = "text/event-stream"
	formNDJSON = "application/x-ndjson"
)

// eventForm is the form of events that a caller takes, "" if he wants the bytes.
func eventForm(h http.Header) string {
	for _, line := range h["Accept"] {
		for kind := range strings.SplitSeq(line, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
			case formSSE, formNDJSON:
				return kind
			}
		}
	}
	return ""
}

// sendEvents answers a log as it grows, or its events: each is flushed at once. It ends
// well only with the log; a failure after the first event breaks the connection.
func (x *exchange) sendEvents(part logPart) {
	s := &eventSender{exchange: x, form: part.form}
	x.finish(x.pushLog(part, s.take))
}

// eventSender writes the events of a log.
type eventSender struct {
	*exchange
	form string
	buf  []byte
}

func (s *eventSender) take(message any) error {
	event, ok := message.(*jobgatev1.ReadTraceResponse)
	if !ok {
		return fmt.Errorf("%T is no event of a log", message)
	}
	if !s.started {
		s.begin()
	}
	s.buf = s.buf[:0]
	switch s.form {
	case formSSE:
		s.buf = appendSSE(s.buf, event)
	case formNDJSON:
		s.buf = appendNDJSON(s.buf, event)
	default:
		if event.GetGap() != nil || event.GetReset_() != nil && event.GetReset_().GetReason() != 0 {
			s.gone = true // what was sent is not the log, and plain text cannot say so
			return inproc.ErrEnough
		}
		s.buf = append(s.buf, event.GetChunk().GetData()...)
	}
	if _, err := (writer{s.exchange}).Write(s.buf); err != nil {
		return err
	}
	if http.NewResponseController(s.w).Flush() != nil {
		s.gone = true
		return inproc.ErrEnough
	}
	return nil
}

// begin writes the header, by which a caller knows that he may read the log.
func (s *eventSender) begin() {
	h := s.Header()
	h.Set("Content-Type", "text/plain")
	if s.form != "" {
		h.Set("Content-Type", s.form)
	} else {
		h.Set("Content-Disposition", `infile; filename="`+s.id+`.log"`)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	h.Set("X-Content-Type-Options", "nosniff")
	if s.r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	s.start(http.StatusOK)
}

// appendSSE appends an event of a text/event-stream: its id is the cursor, to be sent back
// as Last-Event-ID.
func appendSSE(dst []byte, event *jobgatev1.ReadTraceResponse) []byte {
	name, fields := eventFields(event)
	dst = append(append(dst, "id: "...), event.GetCursor()...)
	dst = append(append(dst, "\nevent: "...), name...)
	dst = append(append(dst, "\ndata: {"...), fields...)
	return append(dst, "}\n\n"...)
}

// appendNDJSON appends an event as a line of JSON.
func appendNDJSON(dst []byte, event *jobgatev1.ReadTraceResponse) []byte {
	name, fields := eventFields(event)
	dst = append(append(dst, `{"event":"`...), name...)
	dst = append(append(append(dst, `",`...), fields...), `,"cursor":"`...)
	return append(append(dst, event.GetCursor()...), "\"}\n"...)
}

// eventFields is the name of an event, and its members as JSON; bytes are base64.
func eventFields(event *jobgatev1.ReadTraceResponse) (name, fields string) {
	switch event := event.GetEvent().(type) {
	case *jobgatev1.ReadTraceResponse_Chunk:
		return "chunk", `"offset":` + itoa(event.Chunk.GetOffset()) + `,"data":"` + base64.StdEncoding.EncodeToString(event.Chunk.GetData()) + `"`
	case *jobgatev1.ReadTraceResponse_Reset_:
		return "reset", `"offset":` + itoa(event.Reset_.GetOffset()) + `,"reason":"` + word(event.Reset_.GetReason().String(), "TRACE_RESET_REASON_") + `"`
	case *jobgatev1.ReadTraceResponse_Gap:
		return "gap", `"offset":` + itoa(event.Gap.GetOffset()) + `,"next_offset":` + itoa(event.Gap.GetNextOffset())
	case *jobgatev1.ReadTraceResponse_Heartbeat:
		staleness := strconv.FormatFloat(event.Heartbeat.GetStaleness().AsDuration().Seconds(), 'f', 3, 64)
		return "heartbeat", `"staleness":` + staleness + `,"size":` + itoa(event.Heartbeat.GetSize())
	case *jobgatev1.ReadTraceResponse_End:
		end := event.End
		fields = `"reason":"` + word(end.GetReason().String(), "TRACE_END_REASON_") + `","status":` + quote(end.GetJobStatusWord()) + `,"size":` + itoa(end.GetSize())
		if end.Crc64 != nil {
			fields += fmt.Sprintf(`,"crc64":"%016x"`, end.GetCrc64())
		}
		return "end", fields
	}
	return "unknown", ""
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }
