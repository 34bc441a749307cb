package rest

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// logPart is the part of a log that a request asks for; the zero logPart is all.
type logPart struct {
	ranged    bool   // by a Range header
	hasOffset bool   // byte_offset is given
	offset    int64  // first byte
	limit     int64  // bytes at most, 0 for all
	last      int64  // or so many from the end on, 0 if not
	cursor    string // or where an earlier stream was, "" if not
	follow    bool   // up to the end of the job
	form      string // the content type of the events that are asked for, "" for the bytes alone
}

// part reads `byte_offset` and `byte_limit`, and else the Range header, which GitLab has
// not. It returns the other parameters. Values that GitLab refuses do not fit.
func (x *exchange) part() (others []param, part logPart, ok bool) {
	given := false
	part.form = eventForm(x.r.Header)
	for i, p := range x.query {
		if p.raw == "follow=true" {
			part.follow = true
			continue
		}
		offset, limit := p.base == "byte_offset", p.base == "byte_limit"
		if !offset && !limit {
			others = append(others, p)
			continue
		}
		n, err := strconv.ParseInt(p.value, 10, 64)
		if err != nil || !isNumber(p.value) || p.name != p.base || has(x.query[:i], p.base) {
			return nil, logPart{}, false
		}
		if offset {
			part.offset, part.hasOffset = n, true
		} else {
			part.limit = n
		}
		if n < 0 || limit && (n == 0 || n > upstream.MaxSlice) {
			return nil, logPart{}, false
		}
		given = true
	}
	switch id := x.r.Header.Get("Last-Event-Id"); {
	case given:
	case part.follow || part.form != "":
		part.cursor = id
	default:
		part = rangeOf(x.r.Header)
	}
	return others, part, true
}

// rangeOf reads a Range header of one part. Any other, and one under a condition that our
// weak validators cannot meet, asks for the whole (RFC 9110, sections 13.1.5 and 14.2).
func rangeOf(h http.Header) logPart {
	set, ok := strings.CutPrefix(strings.ToLower(h.Get("Range")), "bytes=")
	first, last, ok2 := strings.Cut(strings.TrimSpace(set), "-")
	if !ok || !ok2 || len(h["Range"]) > 1 || len(h["If-Range"]) > 0 {
		return logPart{}
	}
	if first == "" {
		n, ok := digits(last)
		if !ok || n == 0 {
			return logPart{}
		}
		return logPart{ranged: true, last: n}
	}
	from, ok := digits(first)
	if !ok {
		return logPart{}
	}
	part := logPart{ranged: true, hasOffset: from > 0, offset: from}
	if last == "" {
		return part
	}
	to, ok := digits(last)
	if !ok || to < from {
		return logPart{}
	}
	if to-from < math.MaxInt64 {
		part.limit = to - from + 1
	}
	return part
}

func digits(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && text[0] >= '0' && text[0] <= '9'
}

// mostTail is the longest tail that ReadTrace takes.
const mostTail = 1 << 30

// ask puts the part into the request of the RPC.
func (p logPart) ask(req *jobgatev1.ReadTraceRequest) {
	req.Limit, req.Follow = p.limit, p.follow
	switch {
	case p.cursor != "":
		req.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: p.cursor}
	case p.last > 0:
		req.Start = &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: min(p.last, mostTail)}
	case p.hasOffset:
		req.Start = &jobgatev1.ReadTraceRequest_Offset{Offset: p.offset}
	}
}

// contentRange tells which bytes of how many the answer holds. How many there are is
// known if it goes up to the end.
func (p logPart) contentRange(offset, length int64) string {
	end := offset + length
	size := "*"
	if p.limit == 0 || length < p.limit {
		size = strconv.FormatInt(end, 10)
	}
	return "bytes " + strconv.FormatInt(offset, 10) + "-" + strconv.FormatInt(end-1, 10) + "/" + size
}
