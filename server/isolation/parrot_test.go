package isolation

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// parrot is a GitLab, and a network before it, that goes wrong in one way after another, and
// repeats in its answers all that it was sent.
type parrot struct {
	mood  atomic.Pointer[mood]
	inner http.RoundTripper // to it
}

// mood is a way to go wrong.
type mood struct {
	name   string
	echoes bool // what it was sent comes back to the caller
	data   bool // in an answer of success, which is passed on as it is
	broken bool // what it was sent comes back in what breaks HTTP or its types
	answer func(w http.ResponseWriter, said string)
	trip   func(req *http.Request, said string) (*http.Response, error) // nil to go over the network
}

// credentialHeaders are those that a credential is sent in.
var credentialHeaders = []string{"Private-Token", "Authorization", "Job-Token", "Dpop"}

// saidIn is all that a request says, credentials first: texts are cut somewhere.
func saidIn(req *http.Request, body []byte) string {
	var first, rest []string
	for name, values := range req.Header {
		to := &rest
		if slices.Contains(credentialHeaders, name) {
			to = &first
		}
		for _, value := range values {
			*to = append(*to, name+"="+value)
		}
	}
	slices.Sort(rest)
	words := append(append(first, req.URL.RequestURI()), rest...)
	return strings.Join(words, " ") + " " + strings.ToValidUTF8(string(body), "?")
}

// quoted is a text within JSON.
func quoted(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text)
}

// oneLine is a text for a header, or a status line.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}

func says(status int, contentType, form string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, said string) {
		w.Header().Set("Content-Type", contentType)
		if contentType == "application/json" {
			said = quoted(said)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(form, "@", said))
	}
}

// wire answers with bytes that are as they are.
func wire(form string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, said string) {
		hijacker, ok := w.(http.Hijacker)
		if !ok {
			return
		}
		conn, _, err := hijacker.Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(form, "@", oneLine(said)))
		_ = conn.Close()
	}
}

// moods are all ways to go wrong.
var moods = []*mood{
	{name: "answers", answer: says(200, "application/json", `{"id":1000,"status":"success"}`)},
	{name: "answers a list", answer: says(200, "application/json", `[{"id":1000,"status":"success"}]`)},
	{name: "answers a log", answer: says(200, "text/plain", "a log\n")},
	{name: "repeats it in a member", echoes: true, data: true, answer: says(200, "application/json", `{"id":1000,"status":"success","member":"@"}`)},
	{name: "401", echoes: true, answer: says(401, "application/json", `{"message":"401 Unauthorized: @"}`)},
	{name: "token error", echoes: true, answer: says(401, "application/json", `{"error":"invalid_token","error_description":"Token @ was revoked"}`)},
	{name: "400", echoes: true, answer: says(400, "application/json", `{"error":"scope is missing, @ is invalid"}`)},
	{name: "403 in text", echoes: true, answer: says(403, "text/plain", "@")},
	{name: "404", echoes: true, answer: says(404, "application/json", `{"message":"404 @ Not Found"}`)},
	{name: "500 in HTML", echoes: true, answer: says(500, "text/html", "<title>@</title>")},
	{name: "502", echoes: true, answer: says(502, "text/html", "<title>@</title>")},
	{name: "503", echoes: true, answer: says(503, "text/plain", "@")},
	{name: "429", echoes: true, answer: says(429, "application/json", `{"message":{"error":"@"}}`)},
	{name: "418", echoes: true, answer: says(418, "application/json", `"@"`)},
	{name: "half of JSON", echoes: true, answer: says(200, "application/json", `{"id":1000,"status":"@`)},
	{name: "no JSON", echoes: true, answer: says(200, "application/json", `@`)},
	{name: "another shape", echoes: true, answer: says(200, "application/json", `"@"`)},
	{name: "HTML for JSON", echoes: true, answer: says(200, "text/html", `<title>@</title>`)},
	{name: "not UTF-8", echoes: true, answer: says(200, "application/json", "{\"id\":1000,\"status\":\"\xff@\"}")},
	{name: "204", answer: func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusNoContent) }},
	{name: "in headers", echoes: true, answer: func(w http.ResponseWriter, said string) {
		said = oneLine(said)
		for _, name := range []string{"X-Request-Id", "X-Gitlab-Meta", "Retry-After", "Etag", "Content-Disposition", "X-Next-Cursor", "Www-Authenticate", "X-Mark"} {
			w.Header().Set(name, said)
		}
		says(403, "application/json", `{"message":"403 Forbidden"}`)(w, "")
	}},
	{name: "content type", echoes: true, broken: true, answer: func(w http.ResponseWriter, said string) {
		says(200, oneLine(said), "{}")(w, "")
	}},
	{name: "content type, long", echoes: true, broken: true, answer: func(w http.ResponseWriter, said string) {
		says(200, strings.Repeat("x", 90)+oneLine(said), "{}")(w, "")
	}},
	{name: "request id, long", echoes: true, answer: func(w http.ResponseWriter, said string) {
		w.Header().Set("X-Request-Id", strings.Repeat("x", 90)+oneLine(said))
		says(403, "application/json", `{"message":"403 Forbidden"}`)(w, "")
	}},
	{name: "content encoding", echoes: true, broken: true, answer: func(w http.ResponseWriter, said string) {
		w.Header().Set("Content-Encoding", oneLine(said))
		says(200, "application/json", "{}")(w, "")
	}},
	{name: "broken gzip", echoes: true, answer: func(w http.ResponseWriter, said string) {
		w.Header().Set("Content-Encoding", "gzip")
		says(200, "application/json", "@")(w, said)
	}},
	{name: "redirect", echoes: true, answer: func(w http.ResponseWriter, said string) {
		w.Header().Set("Location", "http://elsewhere.test/?"+oneLine(said))
		says(302, "text/plain", "see @")(w, said)
	}},
	{name: "moved", echoes: true, answer: func(w http.ResponseWriter, said string) {
		w.Header().Set("Location", "http://elsewhere.test/api/v4/projects/7/jobs/1000?"+oneLine(said))
		says(301, "text/plain", "moved to @")(w, said)
	}},
	{name: "status line", broken: true, answer: wire("HTTP/1.1 @\r\n\r\n")},
	{name: "no status", broken: true, answer: wire("HTTP/1.1 2@0 OK\r\n\r\n")},
	{name: "no HTTP", broken: true, answer: wire("@\r\n\r\n")},
	{name: "no HTTP, long", broken: true, answer: func(w http.ResponseWriter, said string) { // where a text is cut, parts of it may be left
		at := max(strings.Index(said, "glpat-")+18, 18)
		wire(strings.Repeat("x", max(0, 1024-80-at))+"@\r\n\r\n")(w, said)
	}},
	{name: "broken header", broken: true, answer: wire("HTTP/1.1 200 OK\r\n@\r\n\r\n")},
	{name: "broken length", broken: true, answer: wire("HTTP/1.1 200 OK\r\nContent-Length: @\r\n\r\n")},
	{name: "broken chunks", broken: true, answer: wire("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n@\r\n@")},
	{name: "broken coding", broken: true, answer: wire("HTTP/1.1 200 OK\r\nTransfer-Encoding: @\r\n\r\n")},
	{name: "reset", answer: func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) }},
	{name: "hangs", answer: func(http.ResponseWriter, string) { time.Sleep(100 * time.Millisecond) }},
	{name: "network", trip: func(_ *http.Request, said string) (*http.Response, error) {
		return nil, fmt.Errorf("dial tcp: lookup of %s: %w", said, errors.New("no such host"))
	}},
	{name: "panic", trip: func(_ *http.Request, said string) (*http.Response, error) { panic("the transport broke at " + said) }},
	{name: "panic with an error", trip: func(_ *http.Request, said string) (*http.Response, error) { panic(errors.New(said)) }},
}

// RoundTrip implements [http.RoundTripper].
func (p *parrot) RoundTrip(req *http.Request) (*http.Response, error) {
	m := p.mood.Load()
	if m.trip == nil {
		return p.inner.RoundTrip(req)
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	bare := http.Request{URL: &url.URL{Path: req.URL.Path}, Header: http.Header{}}
	for _, name := range credentialHeaders { // of all else a transport says nothing
		bare.Header[name] = req.Header[name]
	}
	return m.trip(req, saidIn(&bare, nil))
}

// ServeHTTP implements [http.Handler].
func (p *parrot) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	if m := p.mood.Load(); m.answer != nil {
		m.answer(w, saidIn(req, body))
	}
}
