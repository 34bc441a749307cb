package upstream

import (
	"net/http"
	"strings"
)

// maxETag is the length of an ETag in bytes. GitLab's are 36.
const maxETag = 256

// usableETag is the ETag, weak or strong, of an answer that may be kept; RFC 9110 section
// 8.8.3. Else it is "".
func usableETag(resp *http.Response) string {
	tags := resp.Header["Etag"]
	switch {
	case resp.StatusCode != http.StatusOK,
		len(tags) != 1 || len(tags[0]) > maxETag || !isETag(tags[0]),
		forbidsStoring(resp.Header["Cache-Control"]):
		return ""
	}
	return tags[0]
}

func isETag(tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return false
	}
	for _, c := range []byte(tag[1 : len(tag)-1]) {
		if c <= ' ' || c == '"' || c == 0x7f {
			return false
		}
	}
	return true
}

func forbidsStoring(cacheControl []string) bool {
	for _, line := range cacheControl {
		for directive := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(directive, "=")
			if strings.EqualFold(strings.TrimSpace(name), "no-store") {
				return true
			}
		}
	}
	return false
}

// sameETag compares two ETags weakly; RFC 9110 section 8.8.3.2.
func sameETag(a, b string) bool { return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/") }

// setOf is a set of names.
func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

var (
	// ofOneExchange are headers that tell of one request or connection, not of what was
	// asked for. They are not kept, nor are those of rate limits.
	ofOneExchange = setOf("Age", "Connection", "Date", "Keep-Alive", "Proxy-Authenticate", "Retry-After", "Set-Cookie",
		"Trailer", "Transfer-Encoding", "Upgrade", "X-Gitlab-Meta", "X-Request-Id", "X-Runtime")
	// ofTheBody are headers that describe bytes, which an answer of 304 has none of.
	ofTheBody = setOf("Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Transfer-Encoding")
	// ofThePage are headers that tell of other pages; contract section 4. An ETag is of
	// the body alone, so they may change, and go, while it stays.
	ofThePage = setOf("Link", "X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page", "X-Total", "X-Total-Pages",
		"X-Next-Cursor", "X-Prev-Cursor")
)

// keptHeader copies what is kept of a header.
func keptHeader(h http.Header) http.Header {
	kept := make(http.Header, len(h))
	for name, values := range h {
		if ofOneExchange[name] || strings.HasPrefix(name, "Ratelimit") {
			continue
		}
		for _, value := range values {
			kept[name] = append(kept[name], strings.Clone(value))
		}
	}
	return kept
}

// headerSize is what a header takes in memory, about.
func headerSize(h http.Header) (size int64) {
	const perName, perValue = 64, 16
	for name, values := range h {
		size += perName + int64(len(name))
		for _, value := range values {
			size += perValue + int64(len(value))
		}
	}
	return size
}

// overlay adds to the header of a 304 what is kept of the answer that it confirms; what
// the 304 says itself wins (RFC 9111 section 4.3.4), but for what it says of its own body.
// One that GitLab itself wrote, and nothing before it has cut down, says all but what is of
// the body: what is not in it is no longer so, such as the link to a next page.
func (f *Frame) overlay(fresh http.Header) {
	paged := false
	for name := range fresh {
		paged = paged || ofThePage[name]
		if ofTheBody[name] {
			delete(fresh, name)
		}
	}
	whole := fresh["X-Request-Id"] != nil || fresh["X-Frame-Options"] != nil // contract section 6
	for name, values := range f.header {
		_, told := fresh[name]
		if told || paged && ofThePage[name] || whole && !strings.HasPrefix(name, "Content-") {
			continue
		}
		fresh[name] = append([]string(nil), values...)
	}
}
