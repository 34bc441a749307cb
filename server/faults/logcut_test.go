package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// forms are those in which a log can be followed, and gone on with.
var forms = []string{"gRPC", "text/event-stream", "application/x-ndjson", "text", "Range"}

// reader reads a log over connections that break.
type reader struct {
	form   string
	job    int64
	breaks []mishap // of its connections, one after the other; then none

	cursor string
	got    []byte
	ended  bool
	tries  int
	wrong  error
}

// readAll reads until the end.
func (r *reader) readAll(g gate) {
	for !r.ended && r.wrong == nil {
		m := mishap{}
		if r.tries < len(r.breaks) {
			m = r.breaks[r.tries]
		}
		r.tries++
		if r.tries > len(r.breaks)+1 {
			r.wrong = errors.New("a good connection has broken")
			return
		}
		if r.form == "gRPC" {
			r.overGRPC(g, m)
		} else {
			r.overREST(g, m)
		}
	}
}

// event is one of a log.
type event struct {
	Event, Reason, Cursor string
	Offset, Size          int64
	Data                  []byte
}

// take takes an event, which must go on where the last one ended.
func (r *reader) take(e event) {
	switch e.Event {
	case "chunk":
		if e.Offset != int64(len(r.got)) {
			r.wrong = fmt.Errorf("a chunk at %d after %d bytes", e.Offset, len(r.got))
			return
		}
		r.got = append(r.got, e.Data...)
	case "end":
		r.ended = true
		if e.Size != int64(len(r.got)) {
			r.wrong = fmt.Errorf("the end of %d bytes after %d", e.Size, len(r.got))
		}
	case "reset":
		if e.Reason != "" && e.Reason != "unspecified" {
			r.wrong = fmt.Errorf("a reset: %s", e.Reason)
		}
	case "gap":
		r.wrong = errors.New("a gap")
	}
	r.cursor = e.Cursor
}

func (r *reader) overGRPC(g gate, m mishap) {
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "private-token", sandbox.TokenMaintainer), 2*enough)
	defer cancel()
	by, _, end := g.over(m)
	defer end()
	req := &jobgatev1.ReadTraceRequest{Project: "1", JobId: r.job, Follow: true}
	if r.cursor != "" {
		req.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: r.cursor}
	}
	stream, err := by.traces.ReadTrace(ctx, req)
	for err == nil && r.wrong == nil {
		var got *jobgatev1.ReadTraceResponse
		if got, err = stream.Recv(); err != nil {
			return
		}
		e := event{Cursor: got.GetCursor()}
		switch {
		case got.GetChunk() != nil:
			e.Event, e.Offset, e.Data = "chunk", got.GetChunk().GetOffset(), got.GetChunk().GetData()
		case got.GetEnd() != nil:
			e.Event, e.Size = "end", got.GetEnd().GetSize()
		case got.GetReset_() != nil && got.GetReset_().GetReason() != 0:
			e.Event, e.Reason = "reset", got.GetReset_().GetReason().String()
		case got.GetGap() != nil:
			e.Event = "gap"
		}
		r.take(e)
	}
}

func (r *reader) overREST(g gate, m mishap) {
	query, header := "?follow=true", ""
	switch r.form {
	case "text":
		query += fmt.Sprint("&byte_offset=", len(r.got))
	case "Range":
		query, header = "", fmt.Sprintf("Range: bytes=%d-\r\n", len(r.got))
	default:
		header = "Accept: " + r.form + "\r\n"
		if r.cursor != "" {
			header += "Last-Event-ID: " + r.cursor + "\r\n"
		}
	}
	resp, body, _, err := g.sends(fmt.Sprintf("GET %s/jobs/%d/trace%s HTTP/1.1\r\n%s%s\r\n", project, r.job, query, headOfAll, header), m)
	switch {
	case resp == nil || resp.StatusCode == http.StatusBadRequest: // it was cut before there was an answer
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		r.ended = true
	case resp.StatusCode/100 != 2:
		r.wrong = fmt.Errorf("%s %s", resp.Status, body)
	case r.form == "text" || r.form == "Range":
		r.got = append(r.got, body...)
		r.ended = err == nil
	case r.form == "application/x-ndjson":
		for line := range bytes.Lines(body) {
			if e := (event{}); bytes.HasSuffix(line, []byte("\n")) && r.decoded(line, &e) {
				r.take(e)
			}
		}
	default:
		events := strings.Split(string(body), "\n\n")
		for _, text := range events[:len(events)-1] { // the last one is not whole
			id, text, _ := strings.Cut(strings.TrimPrefix(text, "id: "), "\nevent: ")
			name, data, _ := strings.Cut(text, "\ndata: ")
			if e := (event{}); r.decoded([]byte(data), &e) {
				e.Event, e.Cursor = name, id
				r.take(e)
			}
		}
	}
}

// decoded decodes an event.
func (r *reader) decoded(text []byte, e *event) bool {
	if err := json.Unmarshal(text, e); err != nil {
		r.wrong = fmt.Errorf("%q: %w", text, err)
	}
	return r.wrong == nil
}

// wantAll asserts that each has each byte once.
func wantAll(t *testing.T, all []*reader, log []byte) {
	t.Helper()
	for _, r := range all {
		if r.wrong != nil || !bytes.Equal(r.got, log) {
			t.Errorf("%s, after %+v: %v: %d bytes of %d: %.300q", r.form, r.breaks, r.wrong, len(r.got), len(log), r.got)
		}
	}
}

// anyBreak draws a mishap.
func anyBreak(r *rand.Rand, at int) mishap {
	return mishap{how: []way{fin, rst, half}[r.IntN(3)], at: at, reply: r.IntN(5) > 0}
}

// TestLogsGoOnAfterACut cuts the connections of those who read a log at any byte, and goes on
// with the cursor of the last event, or after the last byte.
func TestLogsGoOnAfterACut(t *testing.T) {
	g, r := newGate(t), drawn(t)
	log := []byte(strings.Repeat("a line of a log\n", 20))
	job := g.gitlab.box.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "success"}}, Log: log})
	var all []*reader
	for _, form := range forms {
		for _, at := range everywhere(r, 1500, max(*writesFlag/10, 20)) { // about as much as the replies have
			first := anyBreak(r, at)
			if at > 400 {
				first.reply = true
			}
			all = append(all, &reader{form: form, job: job, breaks: []mishap{first, anyBreak(r, r.IntN(600))}})
		}
	}
	for _, form := range forms {
		(&reader{form: form, job: job}).readAll(g)
	}
	before := measure(g.idle, nil)
	each(all, func(one *reader) { one.readAll(g) })
	g.wantIdle(t, before)
	wantAll(t, all, log)
	t.Logf("%d readers", len(all))
}
