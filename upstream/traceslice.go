package upstream

import (
	"context"
	"errors"
	"io"
)

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
