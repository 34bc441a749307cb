package rest

import (
	"cmp"
	"math"
	"net/http"
	"slices"
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
	lines     int64  // or so many lines from the end on, 0 if not
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
	part.follow = slices.ContainsFunc(x.query, follows)
	for i, p := range x.query {
		if follows(p) {
			continue
		}
		var fits bool
		switch {
		case p.base == "byte_offset", p.base == "byte_limit":
			part, fits = part.sliced(p)
			fits, given = fits && !has(x.query[:i], p.base), true
		case (part.follow || part.form != "") && slices.Contains(beginnings, p.name):
			part, fits = part.placed(p)
		default:
			others, fits = append(others, p), true
		}
		if !fits {
			return nil, logPart{}, false
		}
	}
	switch id := x.r.Header.Get("Last-Event-Id"); {
	case given:
	case part.follow || part.form != "":
		part.cursor = cmp.Or(id, part.cursor)
	default:
		part = rangeOf(x.r.Header)
	}
	return others, part, true
}

// follows says whether a parameter asks to follow the log, in any word that GitLab takes
// for true.
func follows(p param) bool {
	return p.name == "follow" && slices.Contains([]string{"true", "t", "1", "on", "yes", "y"}, strings.ToLower(p.value))
}

// sliced reads `byte_offset` or `byte_limit`.
func (p logPart) sliced(given param) (part logPart, fits bool) {
	n, err := strconv.ParseInt(given.value, 10, 64)
	fits = err == nil && isNumber(given.value) && given.name == given.base && n >= 0
	if given.base == "byte_offset" {
		p.offset, p.hasOffset = n, true
		return p, fits
	}
	p.limit = n
	return p, fits && n > 0 && n <= upstream.MaxSlice
}

// beginnings are the parameters, of our own, that say where a log that is followed, or its
// events, begins.
var beginnings = []string{"cursor", "tail_bytes", "tail_lines"}

// placed reads one of them.
func (p logPart) placed(given param) (part logPart, fits bool) {
	if given.name == "cursor" {
		p.cursor = given.value
		return p, true
	}
	n, err := strconv.ParseInt(given.value, 10, 64)
	if given.name == "tail_bytes" {
		p.last = n
	} else {
		p.lines = n
	}
	return p, err == nil && n > 0
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
	case p.lines > 0:
		req.Start = &jobgatev1.ReadTraceRequest_TailLines{TailLines: int32(min(p.lines, math.MaxInt32))}
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
