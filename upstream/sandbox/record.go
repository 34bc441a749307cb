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

	// Params are the parameters as GitLab merges them: query, form or JSON body (contract
	// section 1), without those of the path. Nil when GitLab could not read them.
	Params map[string]any
	// Caller is who the request says it comes from; never nil.
	Caller *Caller
}

// CredentialKind tells credentials apart that GitLab looks up in different places.
type CredentialKind string

// The kinds of contract section 2. Bearer is an OAuth token; an access token sent as Bearer is an
// access token.
const (
	KindNone        CredentialKind = ""
	KindAccessToken CredentialKind = "access token"
	KindBearer      CredentialKind = "bearer"
	KindJobToken    CredentialKind = "job token"
	KindSession     CredentialKind = "session"
)

// Caller is who a request says it comes from: of all the credentials that it carries, wherever
// they are, the one that GitLab goes by.
type Caller struct {
	Kind  CredentialKind
	Token string
	Sudo  string // whom to act as
}

const (
	keptRequests = 4096
	keptBody     = 64 << 10
)

func (s *Sandbox) record(r *http.Request, m match, body []byte) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") { // none, or a whole URL
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
	}
	params, _ := parameters(r.Method, r.Header, r.URL.RawQuery, body)
	one := Request{
		Method: r.Method, Host: r.Host, Path: path, Query: query, Header: r.Header.Clone(),
		Body: bytes.Clone(body[:min(len(body), keptBody)]), Params: params,
	}
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{s: s, w: s.world, r: r, now: now, match: m, params: params}
	kind, token := c.choose(c.credentials())
	one.Caller = &Caller{Kind: kind, Token: token, Sudo: c.sudoName()}
	if len(s.requests) == keptRequests {
		s.requests = slices.Delete(s.requests, 0, keptRequests/4)
	}
	s.requests = append(s.requests, one)
}

// Requests returns what arrived, oldest first, since New or Reset. The last few thousand are kept;
// those to /-/sandbox/ don't count.
func (s *Sandbox) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}
