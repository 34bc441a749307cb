package upstream

import (
	"net/http"
	"net/url"
	"strings"
)

// rawRequest checks raw and makes a request of it.
func (c *Client) rawRequest(raw Raw) (*request, error) {
	r := &request{
		op:      op{what: "relay " + raw.Method + " " + printable(raw.Path, 256)},
		relayed: true, route: raw.Route,
		method: raw.Method, query: query(raw.Query), body: raw.Body, contentType: raw.ContentType, accept: raw.Accept,
	}
	path, err := url.PathUnescape(raw.Path)
	switch {
	case !isToken(raw.Method) || raw.Method == http.MethodConnect:
		r.op.what = "relay"
		return nil, r.invalid(invalid("method", "must be the name of a method"))
	case err != nil || !plainURL(raw.Path, "#?"):
		return nil, r.invalid(invalid("path", "must be escaped"))
	case !strings.HasPrefix(raw.Path, "/") || hasDots(path):
		return nil, r.invalid(invalid("path", "must begin with a slash and have no '.' or '..' segment"))
	case !plainURL(raw.Query, "#"):
		return nil, r.invalid(invalid("query", "must be escaped"))
	}
	for _, f := range []headerField{{"Content-Type", raw.ContentType}, {"Accept", raw.Accept}} {
		if strings.ContainsFunc(f.value, notInHeader) {
			return nil, r.invalid(invalid(strings.ToLower(f.name), "must not have control characters"))
		}
	}
	r.path, r.raw = c.base.path+path, c.base.path+raw.Path
	u := url.URL{Path: r.path, RawPath: r.raw}
	r.opaque = u.EscapedPath() != r.raw
	return r, nil
}

// plainURL reports whether text has no control characters, spaces, or those of but.
func plainURL(text, but string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] == 0x7f || strings.IndexByte(but, text[i]) >= 0 {
			return false
		}
	}
	return true
}

// hasDots reports whether an unescaped path has a segment that a server may resolve,
// also one whose slashes were escaped: some front ends undo that.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// isToken reports whether text is a token of HTTP, such as a method or a header's name.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c >= 0x80 || c <= ' ' || c == 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return text != ""
}
