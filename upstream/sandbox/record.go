package sandbox

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// Request is one request as it arrived, for tests that assert what was sent, and how often.
type Request struct {
	Method string
	Host   string
	Path   string // as sent, still escaped
	Query  string // as sent, without "?"
	Header http.Header
	Body   []byte // at most 64 KiB of it
}

const (
	keptRequests = 4096
	keptBody     = 64 << 10
)

func (s *Sandbox) record(r *http.Request, body []byte) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if path == "" {
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
	}
	one := Request{r.Method, r.Host, path, query, r.Header.Clone(), bytes.Clone(body[:min(len(body), keptBody)])}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == keptRequests {
		s.requests = slices.Delete(s.requests, 0, keptRequests/4)
	}
	s.requests = append(s.requests, one)
}

// Requests returns what arrived, oldest first, since New or Reset. The last few thousand are kept;
// those to
// /-/sandbox/ don't count.
func (s *Sandbox) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}
