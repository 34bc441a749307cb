package upstream

import (
	"context"

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
	// that is known to ignore them may be asked for the whole log instead, or, if it is
	// known to honour the header Range, for the part in that header.
	HasOffset, HasLimit bool

	// Compared says that the caller compares what it gets with bytes that it holds. Else it
	// is made more sure that GitLab has sent the part, and not a whole log.
	Compared bool

	// Validator names an answer that the caller has taken to its end; see
	// [TraceReader.Validator]. If just what it was the answer to is asked again, GitLab need
	// not send it again; see [TraceReader.NotModified]. Otherwise it is not heeded.
	Validator Validator
	// SumSkipped asks for [TraceReader.Skipped], which takes time for each byte.
	SumSkipped bool
}

// words are what is asked in GitLab's own words: more than it takes as a limit is cut
// here, if it is not the caller's own word.
func (p TraceRange) words() TraceRange {
	if p.Limit > MaxSlice && !p.HasLimit {
		p.Limit = 0
	}
	return p
}

// Trace opens the log of a job; contract section 10. An offset beyond the end gives
// an empty log, and so does a job without one. The caller closes the reader.
//
// A part of up to 512,000 bytes, or all from an offset on, costs one request in most
// cases. If GitLab does not honour it, or not on every machine, the part is asked for in the
// header Range, which a front end may honour, or cut out of the whole log. [Call.Reply] is
// the answer that the reader reads; a part by Range is told as the 200 that it is a part of.
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

// read opens a part.
func (l *logCall) read(ctx context.Context, part TraceRange) (t *TraceReader, err error) {
	if part.Offset < part.Validator.from {
		part.Validator = Validator{}
	}
	switch {
	case part.Offset < 0:
		return nil, l.invalid("offset", "must not be negative")
	case part.Limit < 0:
		return nil, l.invalid("limit", "must not be negative")
	case l.wordless(part):
		t, err = l.whole(ctx, part)
	case part.Offset == 0:
		t, err = l.head(ctx, part)
	default:
		t, err = l.part(ctx, part)
	}
	if err != nil {
		return nil, err
	}
	if part.Limit > 0 && t.left < 0 {
		t.left = part.Limit
	}
	t.sums, t.from = part.SumSkipped, part.Offset
	return t, nil
}

// wordless tells whether GitLab's own words for a part are better left out: it is known to
// ignore them, and either they are none that it could be asked to heed again, or the header
// Range is worth asking with. That header and those words never go together: a front end
// would cut a part of the part out of what a newer GitLab sends.
func (l *logCall) wordless(part TraceRange) bool {
	if honoured, known := l.slices.load(); honoured || !known {
		return false
	}
	limit := part.words().Limit
	if part.Offset > 0 && limit == 0 {
		return true // the answer is the whole log, and harder to tell for what it is
	}
	honoured, known := l.ranges.load()
	own := part.HasOffset || part.HasLimit
	return part.Limit > 0 && limit <= MaxSlice && (honoured || !known && !own)
}

// head asks for the log from its first byte on: honoured or not, the answer begins there.
func (l *logCall) head(ctx context.Context, part TraceRange) (*TraceReader, error) {
	ask := part.words()
	t, err := l.open(ctx, ask)
	if err != nil || t.same {
		return t, err
	}
	if ask.Limit > 0 && t.length > ask.Limit {
		l.slices.ignored()
	}
	if ask.Limit == 0 || t.length >= 0 && t.length != ask.Limit { // of that many there may be more
		t.size = t.length
	}
	return t, nil
}

// whole asks for a part as one of the whole log: by the header Range, unless it is known to
// be ignored, and else throws away what is before the offset.
func (l *logCall) whole(ctx context.Context, part TraceRange) (*TraceReader, error) {
	if honoured, known := l.ranges.load(); honoured || !known {
		t, v, err := l.cut(ctx, part)
		if err != nil || v != undecided {
			return t, err
		}
	}
	t, err := l.open(ctx, TraceRange{Validator: part.Validator})
	if err != nil || t.same {
		return t, err
	}
	t.size, t.skip = t.length, part.Offset
	return t, nil
}
