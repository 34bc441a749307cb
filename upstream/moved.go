package upstream

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// followMoved follows the redirect of a read to the number of a project that has
// moved; contract section 1. Nothing but that number is taken from the answer:
// host, rest of the path and query stay ours. All other redirects come back as
// they are, and so does the answer to the second request, whatever it is.
func followMoved(where base) middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil || resp.StatusCode != http.StatusMovedPermanently || !mayFollow(req) {
				return resp, err
			}
			number := where.movedTo(req.URL, resp.Header.Get("Location"))
			if number == "" {
				return resp, nil
			}
			drain(resp.Body)
			again := req.WithContext(req.Context())
			again.URL = where.renumbered(req.URL, number)
			return next.RoundTrip(again)
		})
	}
}

func mayFollow(req *http.Request) bool {
	call := CallFrom(req.Context())
	return req.Method == http.MethodGet && (call == nil || !call.KeepRedirects)
}

// movedTo returns the number in location if that is the URL asked, at the same
// origin, with a number in the place of the project; else "".
func (b base) movedTo(asked *url.URL, location string) string {
	to, err := url.Parse(location)
	if err != nil || to.User != nil || to.Opaque != "" {
		return ""
	}
	if to.Host != "" && !b.sameOrigin(to) || to.Host == "" && to.Scheme != "" {
		return ""
	}
	_, rest, ok := b.splitProject(asked.EscapedPath())
	number, same, ok2 := b.splitProject(to.EscapedPath())
	if !ok || !ok2 || rest != same || !allDigits(number) {
		return ""
	}
	return number
}

func (b base) sameOrigin(u *url.URL) bool {
	own := url.URL{Scheme: b.scheme, Host: b.host}
	return u.Scheme == own.Scheme && strings.EqualFold(u.Hostname(), own.Hostname()) && port(u) == port(&own)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// splitProject cuts an escaped path of ours after the segment of the project.
func (b base) splitProject(escaped string) (project, rest string, ok bool) {
	tail, ok := strings.CutPrefix(escaped, b.path+"/projects/")
	if !ok {
		return "", "", false
	}
	return strings.Cut(tail, "/")
}

func (b base) renumbered(asked *url.URL, number string) *url.URL {
	_, rest, _ := b.splitProject(asked.EscapedPath())
	u := *asked
	u.Path, u.RawPath = b.path+"/projects/"+number+"/"+rest, ""
	return &u
}

func allDigits(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// drain reads the little that is left, so that the connection can be used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}
