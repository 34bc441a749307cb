package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// cut answers the header Range of a request in the place of GitLab: RFC 9110 section 14. The
// ETags of logs are weak, which If-Range never matches (section 13.1.5).
func (p *reply) cut(r *http.Request) {
	if r.Method != http.MethodGet || p.status != http.StatusOK {
		return
	}
	p.set("Accept-Ranges", "bytes")
	ranges := r.Header.Values("Range")
	if len(ranges) != 1 || r.Header.Get("If-Range") != "" {
		return
	}
	size := int64(len(p.body))
	first, end, ok := parseRange(ranges[0], size)
	switch {
	case !ok:
	case first >= end:
		p.status, p.body = http.StatusRequestedRangeNotSatisfiable, []byte("<html><head><title>416 Requested Range Not Satisfiable</title></head></html>\n")
		delete(p.header, "Etag")
		p.set("Content-Type", "text/html")
		p.set("Content-Range", fmt.Sprintf("bytes */%d", size))
	default:
		p.status, p.body = http.StatusPartialContent, p.body[first:end]
		p.set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, end-1, size))
	}
}

// parseRange reads one range of the bytes of an answer, from first up to end, of which there are
// none if they are not in order. It is not ok if the text is of several ranges or breaks the rules.
func parseRange(text string, size int64) (first, end int64, ok bool) {
	unit, text, _ := strings.Cut(text, "=")
	from, to, ok := strings.Cut(strings.TrimSpace(text), "-")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return 0, 0, false
	}
	if from == "" {
		last, ok := parseDigits(to)
		return max(size-last, 0), size, ok
	}
	first, ok = parseDigits(from)
	if to == "" {
		return first, size, ok
	}
	last, ok2 := parseDigits(to)
	return first, min(last+1, size), ok && ok2 && first <= last
}

func parseDigits(text string) (int64, bool) {
	n, err := strconv.ParseUint(text, 10, 62)
	return int64(n), err == nil
}
