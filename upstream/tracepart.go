package upstream

import (
	"bytes"
	"context"
	"time"
)

// A part of a log is asked for once, in the words that the caller would use. Whether GitLab
// honoured them is seen from that very answer: what another request finds out may be true
// of another machine behind the same address. The answer is
//
//   - empty: then so is the part, honoured or not;
//   - longer than was asked for: it is the whole log, and the part is cut out of it;
//   - the part, if it does not begin as the log does. Every machine can tell how a log
//     begins, and of one that was read from its start it is remembered.
//
// So each part of a log that is followed from its start costs one request; the first part
// of another log costs a second one, for the first KiB. An answer that begins as the log
// does may still be a part, if the log repeats itself: unless lengths settle it, the part is
// asked for as one of the whole log. What is remembered may be of a log that was rewritten
// since: that an answer differs from it proves something for a while only, and only while
// GitLab is known to honour such requests.

// traceOverlap is how many bytes of an answer are compared with the start of the log.
const traceOverlap = 1 << 10

// verdict says what the answer to a request for a part is.
type verdict int

const (
	undecided verdict = iota
	isEmpty
	isPart
	isWhole
)

// part reads a part that is not the start of the log.
func (l *logCall) part(ctx context.Context, part TraceRange) (*TraceReader, error) {
	ask := part.words()
	t, err := l.open(ctx, ask)
	if err != nil || t.same {
		return t, err
	}
	v, err := l.judge(ctx, t, ask)
	if v == undecided && err == nil && t.length >= 0 && t.length < traceOverlap {
		// Too few bytes. Another answer of so few cannot be the log, which is now known
		// to begin with more.
		_ = t.Close()
		if t, err = l.open(ctx, ask); err != nil || t.same {
			return t, err
		}
		v, err = l.judgeAgain(t, ask)
	}
	if err == nil && v != undecided {
		l.decide(t, ask, v)
		return t, nil
	}
	_ = t.Close()
	if err != nil {
		return nil, err
	}
	return l.whole(ctx, part)
}

// decide makes t deliver the part, now that it is known what the answer is.
func (l *logCall) decide(t *TraceReader, ask TraceRange, v verdict) {
	switch v {
	case isPart:
		l.slices.honoured()
		switch {
		case t.length < 0 && ask.Limit > 0:
			t.surprise = l.slices.forget
		case t.length >= 0 && (ask.Limit == 0 || t.length < ask.Limit):
			t.size = ask.Offset + t.length
		}
	case isWhole:
		l.slices.ignored()
		t.size, t.skip = t.length, ask.Offset
	case isEmpty, undecided:
	}
}

// judge tells what the answer to a request for a part is. It asks how the log begins
// unless what is remembered will do.
func (l *logCall) judge(ctx context.Context, t *TraceReader, ask TraceRange) (verdict, error) {
	v, similar, err := l.compare(t, ask)
	if err != nil || v != undecided {
		return v, err
	}
	if h := l.heads.of(l.log); h != nil && !similar && (ask.Compared || time.Since(h.at) < trustBlindly) {
		if honoured, _ := l.slices.load(); honoured {
			return isPart, nil
		}
	}
	head, size, err := l.readHead(ctx)
	if err != nil {
		return undecided, err
	}
	start, _ := t.peek(traceOverlap)
	both := min(len(start), len(head))
	switch {
	case !bytes.Equal(start[:both], head[:both]):
		return isPart, nil
	case size >= 0 && t.length > size:
		return undecided, nil // it has become shorter meanwhile
	case size >= 0 && t.length >= 0 && t.length > size-ask.Offset:
		return isWhole, nil // a part would reach beyond the end
	}
	return undecided, nil
}

// judgeAgain is judge when the start of the log has just been read.
func (l *logCall) judgeAgain(t *TraceReader, ask TraceRange) (verdict, error) {
	v, similar, err := l.compare(t, ask)
	if err == nil && v == undecided && !similar {
		v = isPart
	}
	return v, err
}

// compare tells what the answer is as far as its length does, and whether it begins as is
// remembered of the log.
func (l *logCall) compare(t *TraceReader, ask TraceRange) (v verdict, similar bool, err error) {
	start, err := t.peek(traceOverlap)
	if err != nil {
		return undecided, false, err
	}
	switch longest := max(t.length, int64(len(start))); {
	case t.length == 0:
		return isEmpty, false, nil
	case ask.Limit > 0 && longest > ask.Limit:
		return isWhole, false, nil
	}
	h := l.heads.of(l.log)
	return undecided, h == nil || l.heads.mayBegin(h, start, t.length), nil
}
