package upstream

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// decode undoes gzip. We ask for no encoding, but a front end may not care. How
// much comes out is bounded by whoever reads it.
func decode() middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
				return resp, err
			}
			if resp.StatusCode == http.StatusPartialContent {
				return resp, nil // a part of gzip is none
			}
			resp.Body = &gzipBody{raw: resp.Body}
			resp.ContentLength = -1
			resp.Header.Del("Content-Encoding")
			resp.Header.Del("Content-Length")
			return resp, nil
		})
	}
}

// encoded names an encoding that decode left alone, "" if there is none.
func encoded(h http.Header) string {
	name := strings.TrimSpace(h.Get("Content-Encoding"))
	if strings.EqualFold(name, "identity") {
		return ""
	}
	return name
}

// errCorrupt is a body that is not what its encoding says.
var errCorrupt = errors.New("body is not valid gzip")

// gzipBody opens the decoder at the first Read: it blocks until bytes come.
type gzipBody struct {
	raw io.ReadCloser
	in  noting
	z   *gzip.Reader
	err error
}

// Read reads decoded bytes. What the network had to say comes out as it was; all
// other errors are errCorrupt.
func (b *gzipBody) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.z == nil {
		b.in.r = b.raw
		b.z, b.err = gzip.NewReader(&b.in)
	}
	if b.err == nil {
		n, b.err = b.z.Read(p)
	}
	if b.in.err != nil {
		b.err = b.in.err
	} else if b.err != nil && !isEnd(b.err) {
		b.err = fmt.Errorf("%w: %w", errCorrupt, b.err)
	}
	return n, b.err
}

// Close closes the body below.
func (b *gzipBody) Close() error { return b.raw.Close() }

// noting remembers the error of a reader, but not its end.
type noting struct {
	r   io.Reader
	err error
}

// Read reads from the reader below.
func (n *noting) Read(p []byte) (int, error) {
	c, err := n.r.Read(p)
	if err != nil && !isEnd(err) {
		n.err = err
	}
	return c, err
}
