package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// A front end of GitLab's may honour the header Range where GitLab itself sends whole logs.
// Unlike GitLab's parts, a part by Range says what it is: 206 with the place that it is
// from, or 416 with the size of the log. What it says is believed only if it is just what
// was asked for, and complete; and it was never asked for together with GitLab's own words,
// so that the part is one of the whole log. A 200 is the whole log, and costs what asking
// for that would have cost.

// cut asks for a part by the header Range. Undecided is an answer that is not what was
// asked for, nor the whole log: it is closed, none of it is read, and the header is not
// used for a while.
func (l *logCall) cut(ctx context.Context, part TraceRange) (*TraceReader, verdict, error) {
	r, err := l.request(TraceRange{})
	if err != nil {
		return nil, undecided, err
	}
	if part.Limit > beyondLogs-part.Offset {
		part.Limit = 0
	}
	r.span = span(part)
	t, err := l.start(ctx, r, part.Validator)
	if err != nil {
		return nil, undecided, err
	}
	if t.same {
		return t, isPart, nil
	}
	v, size := judgeRange(t.resp, part)
	switch v {
	case isPart:
		l.ranges.honoured()
		t.size, t.left, t.surprise = size, t.length, l.ranges.ignored
		t.asWhole()
	case isEmpty:
		l.ranges.honoured()
		t.size = size
		t.asWhole()
	case isWhole:
		if t.length != 0 { // of nothing there is no part
			l.ranges.ignored()
		}
		t.start = l.heads.reader(l.log)
		t.size, t.skip = t.length, part.Offset
	case undecided:
		l.ranges.ignored()
		_ = t.Close()
		return nil, v, nil
	}
	return t, v, nil
}

// span is the header Range that asks for a part; RFC 9110 section 14.2.
func span(part TraceRange) string {
	text := "bytes=" + strconv.FormatInt(part.Offset, 10) + "-"
	if part.Limit > 0 {
		text += strconv.FormatInt(part.Offset+part.Limit-1, 10)
	}
	return text
}

// asWhole makes the header that of the answer which a part was cut out of, as far as it
// still tells.
func (t *TraceReader) asWhole() {
	if t.resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		for name := range ofTheBody {
			delete(t.resp.Header, name)
		}
		delete(t.resp.Header, "Etag") // of the error, if of anything
		t.resp.Header["Content-Type"] = []string{logTypes[0]}
	}
	delete(t.resp.Header, "Content-Range")
	t.resp.StatusCode = http.StatusOK
}

// judgeRange tells what the answer to a request for a part by Range is, and the size of the
// log as far as the answer tells it, else -1. That of a part is taken only if as many
// bytes are announced as are missing up to the end of the log or of the part; and that there
// is none, only from who tells where the log ends.
func judgeRange(resp *http.Response, part TraceRange) (v verdict, size int64) {
	told, ok := parseContentRange(resp.Header["Content-Range"])
	switch resp.StatusCode {
	case http.StatusOK:
		return isWhole, -1
	case http.StatusRequestedRangeNotSatisfiable:
		if ok && told.unsatisfied && told.size >= 0 && told.size <= part.Offset {
			return isEmpty, told.size
		}
		return undecided, -1
	}
	end := told.size
	if part.Limit > 0 && (end < 0 || end > part.Offset+part.Limit) {
		end = part.Offset + part.Limit
	}
	if !ok || told.first != part.Offset || told.end != end ||
		resp.ContentLength != told.end-told.first || checkType(resp.Header, logTypes...) != nil {
		return undecided, -1
	}
	return isPart, told.size
}

// contentRange is what a header Content-Range says; RFC 9110 section 14.4.
type contentRange struct {
	first, end  int64 // the bytes from first on, before end
	size        int64 // of the whole, -1 if not told
	unsatisfied bool  // there are no such bytes: first and end say nothing
}

// parseContentRange reads the values of the header. It takes one range of bytes, of which
// there is one at least.
func parseContentRange(values []string) (told contentRange, ok bool) {
	if len(values) != 1 {
		return told, false
	}
	unit, text, _ := strings.Cut(values[0], " ")
	place, size, ok := strings.Cut(text, "/")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return told, false
	}
	if told.size = -1; size != "*" {
		if told.size, ok = parsePlace(size); !ok {
			return told, false
		}
	}
	if place == "*" {
		told.unsatisfied = true
		return told, true
	}
	first, last, _ := strings.Cut(place, "-")
	var ok1, ok2 bool
	told.first, ok1 = parsePlace(first)
	told.end, ok2 = parsePlace(last)
	told.end++
	return told, ok1 && ok2 && told.first < told.end && (told.size < 0 || told.end <= told.size)
}

// parsePlace reads a number of bytes, in digits alone.
func parsePlace(digits string) (int64, bool) {
	if len(digits) > 18 || !allDigits(digits) {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}

var errRangeIgnored = errors.New("gitlab did not send the part of the log in the header Range")

// readRange reads len(p) bytes of the log at offset by the header Range, or fewer at its end.
func (l *logCall) readRange(ctx context.Context, offset int64, p []byte) (int, error) {
	t, v, err := l.cut(ctx, TraceRange{Offset: offset, Limit: int64(len(p))})
	if err != nil {
		return 0, err
	}
	if v == undecided {
		return 0, errRangeIgnored
	}
	defer func() { _ = t.Close() }()
	if v == isWhole {
		return 0, errRangeIgnored
	}
	n, err := io.ReadFull(t, p)
	if err != nil && !isEnd(t.err) {
		return 0, t.err
	}
	return n, nil
}
