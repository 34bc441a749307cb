package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// MaxSlice is the largest `byte_limit` that GitLab takes; contract section 10.
const MaxSlice = 512_000

// TraceRange is the part of a log to read. The zero TraceRange is all of it.
type TraceRange struct {
	Offset int64 // first byte
	Limit  int64 // bytes at most, 0 for all

	// HasOffset and HasLimit say that the caller names them in GitLab's own words, so
	// that they are sent as they are: `byte_offset` also if it is 0, and `byte_limit` also
	// if it is 0 or more than GitLab takes, which is then for GitLab to refuse. A GitLab
	// that is known to ignore them may be asked for the whole log instead.
	HasOffset, HasLimit bool
}

// Trace opens the log of a job; contract section 10. An offset beyond the end gives
// an empty log, and so does a job without one. The caller closes the reader.
//
// A part of up to 512,000 bytes, or all from an offset on, costs one request in most
// cases. If GitLab does not honour it, or not on every machine, the part is cut out of the
// whole log. [Call.Reply] is the answer that the reader reads.
func (c *Client) Trace(
	ctx context.Context, project string, jobID int64, part TraceRange, extra []*jobgatev1.Parameter,
) (*TraceReader, error) {
	l := c.logCall(project, jobID, extra)
	t, err := l.read(ctx, part)
	if err != nil {
		return nil, err
	}
	if call := CallFrom(ctx); call != nil && t.resp.Header != nil {
		call.Reply = Reply{Status: t.resp.StatusCode, Header: t.resp.Header}
	}
	t.total = t.rest()
	return t, nil
}

// logCall is one log, to be asked for.
type logCall struct {
	*Client
	project string
	jobID   int64
	extra   []*jobgatev1.Parameter
	log     string // names the log, and what is asked of it beyond a part
}

func (c *Client) logCall(project string, jobID int64, extra []*jobgatev1.Parameter) *logCall {
	var name query
	name.number("id", jobID)
	name.text("project", project)
	for _, p := range extra {
		name.text(p.GetName(), p.GetValue())
	}
	return &logCall{c, project, jobID, extra, string(name)}
}

func (l *logCall) op() op {
	return op{what: "read log of job", id: l.jobID, project: Project(l.project)}
}

func (l *logCall) invalid(field, rule string) error {
	e := invalid(field, rule)
	e.Op = l.op().String()
	return e
}

// read opens a part. More than GitLab takes as a limit is cut here, if it is not the
// caller's own word.
func (l *logCall) read(ctx context.Context, part TraceRange) (t *TraceReader, err error) {
	ask := part
	if part.Limit > MaxSlice && !part.HasLimit {
		ask.Limit = 0
	}
	switch {
	case part.Offset < 0:
		return nil, l.invalid("offset", "must not be negative")
	case part.Limit < 0:
		return nil, l.invalid("limit", "must not be negative")
	case part.Offset == 0:
		t, err = l.head(ctx, ask)
	default:
		t, err = l.part(ctx, ask)
	}
	if err == nil && part.Limit > 0 {
		t.left = part.Limit
	}
	return t, err
}

// head asks for the log from its first byte on: honoured or not, the answer begins there.
func (l *logCall) head(ctx context.Context, ask TraceRange) (*TraceReader, error) {
	t, err := l.open(ctx, ask)
	if err != nil {
		return nil, err
	}
	if ask.Limit > 0 && t.length > ask.Limit {
		l.slices.ignored()
	}
	if ask.Limit == 0 || t.length >= 0 && t.length != ask.Limit { // of that many there may be more
		t.size = t.length
	}
	return t, nil
}

// whole asks for the whole log and throws away what is before the offset.
func (l *logCall) whole(ctx context.Context, offset int64) (*TraceReader, error) {
	t, err := l.open(ctx, TraceRange{})
	if err != nil {
		return nil, err
	}
	t.size, t.skip = t.length, offset
	return t, nil
}

// beyondLogs is a place that no log reaches.
const beyondLogs = 1 << 40

// honoursSlices tells whether this GitLab sends parts of logs. If it is not known,
// it asks for the first byte: more than that is a GitLab that ignores the request.
// Just that byte may also be a whole log; a byte far beyond the end then tells,
// of which there is none if the request is honoured. An empty log tells nothing,
// and reading the whole is right in both cases.
func (l *logCall) honoursSlices(ctx context.Context) (bool, error) {
	if honoured, known := l.slices.load(); known {
		return honoured, nil
	}
	n, err := l.readSlice(ctx, 0, make([]byte, 1))
	if err == nil && n == 1 {
		var beyond int
		if beyond, err = l.readSlice(ctx, beyondLogs, make([]byte, 1)); err == nil && beyond == 0 {
			l.slices.honoured()
			return true, nil
		}
	}
	if errors.Is(err, errSlicesIgnored) {
		err = nil
	}
	return false, err
}

var errSlicesIgnored = errors.New("gitlab sent more of the log than it was asked for")

// readSlice reads len(p) bytes of the log at offset, or fewer at its end.
func (l *logCall) readSlice(ctx context.Context, offset int64, p []byte) (int, error) {
	t, err := l.open(ctx, TraceRange{Offset: offset, Limit: int64(len(p))})
	if err != nil {
		return 0, err
	}
	defer func() { _ = t.Close() }()
	n, err := 0, error(nil)
	if t.length <= int64(len(p)) {
		n, err = io.ReadFull(t, p)
	}
	if err == nil && n == len(p) && t.length < 0 {
		var more [1]byte
		if m, _ := t.Read(more[:]); m > 0 {
			t.length = int64(len(p)) + 1
		}
	}
	switch {
	case t.length > int64(len(p)):
		l.slices.ignored()
		return 0, errSlicesIgnored
	case t.err != nil && !isEnd(t.err):
		return 0, t.err
	}
	return n, nil
}

// open asks for a log, in the parameters of contract section 10 where they are not 0 or
// are the caller's own, and returns the answer from its first byte.
func (l *logCall) open(caller context.Context, part TraceRange) (*TraceReader, error) {
	r, err := l.request(part)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(caller)
	watchdog := time.AfterFunc(2*l.idle, func() { cancel(ErrLogIdle) })
	resp, err := l.send(ctx, caller, r) //nolint:bodyclose // the reader closes it
	if err == nil {
		err = r.checkLog(resp)
	}
	watchdog.Stop()
	if err != nil {
		cancel(nil)
		return nil, err
	}
	t := &TraceReader{
		request: r, resp: resp, ctx: ctx, caller: caller, cancel: cancel,
		watchdog: watchdog, idle: l.idle, length: resp.ContentLength, size: -1, left: -1,
	}
	if part.Offset == 0 {
		t.start = l.heads.reader(l.log)
	}
	return t, nil
}

func (l *logCall) request(part TraceRange) (*request, error) {
	r, err := l.jobRequest(http.MethodGet, l.op().what, l.project, l.jobID, "/trace")
	if err != nil {
		return nil, err
	}
	r.log = true
	if part.Offset > 0 || part.HasOffset {
		r.query.number("byte_offset", part.Offset)
	}
	if part.Limit > 0 || part.HasLimit {
		r.query.number("byte_limit", part.Limit)
	}
	return r, r.invalid(r.query.extra(l.extra))
}

// checkLog refuses what is not a log, such as the page of a log-in, and closes it.
func (r *request) checkLog(resp *http.Response) error {
	err := checkType(resp.Header, "text/plain", "application/octet-stream")
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("a log came with status %d", resp.StatusCode)
	}
	if err == nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	return r.unexpected(resp, err)
}
