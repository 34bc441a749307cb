package rest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream"
)

// relay sends the request to GitLab as it came, and GitLab's answer back.
func (x *exchange) relay() {
	raw := upstream.Raw{Method: x.r.Method, Path: x.path, Query: x.rawQuery, Body: x.body.bytes}
	if len(x.r.Header["Content-Type"]) > 0 {
		raw.ContentType = x.body.contentType
	}
	if x.log {
		raw.Accept = "*/*"
	}
	x.finish(x.face.cfg.Relay(x.context(), raw, x.pipe))
}

// finish ends an answer that was written piece by piece.
func (x *exchange) finish(err error) {
	switch {
	case x.gone:
		panic(http.ErrAbortHandler)
	case err != nil:
		x.failed(err)
	}
}

// pipe answers with GitLab's answer.
func (x *exchange) pipe(resp *http.Response) error {
	x.succeed(resp.StatusCode, resp.Header)
	if resp.StatusCode/100 == 3 && resp.Header.Get("Location") != "" {
		return x.pipeMoved(resp)
	}
	if x.fresh {
		x.start(x.status)
		return nil
	}
	if resp.ContentLength >= 0 && allowsBody(resp.StatusCode) {
		x.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	x.start(x.status)
	if x.r.Method == http.MethodHead {
		return nil
	}
	_, err := io.CopyBuffer(writer{x}, resp.Body, make([]byte, 32<<10))
	return err
}

// maxMoved is the longest body of a redirect that is looked at, in bytes.
const maxMoved = 64 << 10

// pipeMoved answers a redirect, with our address for GitLab's.
func (x *exchange) pipeMoved(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxMoved))
	if err != nil {
		return err
	}
	old := resp.Header.Get("Location")
	ours := readdress(old, x.address())
	text := strings.ReplaceAll(string(body), old, ours)
	if x.r.Method != http.MethodHead {
		x.Header().Set("Content-Length", strconv.Itoa(len(text)))
	} else if resp.ContentLength >= 0 { // of the body that a GET would get
		x.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength+int64(len(ours)-len(old)), 10))
	}
	x.start(x.status)
	_, err = io.WriteString(writer{x}, text)
	return err
}

// writer writes to the caller, and gives him time for each piece.
type writer struct{ *exchange }

// Write implements [io.Writer]. If the caller takes no more, nobody failed.
func (w writer) Write(p []byte) (int, error) {
	_ = http.NewResponseController(w.w).SetWriteDeadline(time.Now().Add(writeTime))
	n, err := w.w.Write(p)
	if err != nil {
		w.gone = true
		err = inproc.ErrEnough
	}
	return n, err
}
