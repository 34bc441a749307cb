package rest

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream"
)

// relay sends the request to GitLab as it came, and GitLab's answer back.
func (x *exchange) relay() {
	raw := upstream.Raw{Method: x.r.Method, Path: x.path, Query: x.rawQuery, Body: x.body.bytes, Route: x.template}
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
	if resp.StatusCode/100 == 3 && resp.Header.Get("Location") != "" {
		return x.pipeMoved(resp)
	}
	x.succeed(resp.StatusCode, resp.Header)
	if coding := resp.Header["Content-Encoding"]; coding != nil { // one that the client does not undo
		x.Header()["Content-Encoding"] = coding
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

// maxMoved is the longest body of a redirect in which the address is looked for, in bytes.
const maxMoved = 64 << 10

// movedText is what stands before the address in GitLab's own redirects; contract section 1.
const movedText = "This resource has been moved permanently to "

// pipeMoved answers a redirect, with our address for GitLab's.
func (x *exchange) pipeMoved(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxMoved+1))
	if err != nil {
		return err
	}
	old, length := resp.Header.Get("Location"), resp.ContentLength
	if ours := x.target(old); len(body) <= maxMoved {
		body = bytes.ReplaceAll(body, []byte(old), []byte(ours))
		switch {
		case x.r.Method != http.MethodHead:
			length = int64(len(body))
		case length == int64(len(movedText)+len(old)): // of the body that a GET would get
			length = int64(len(movedText) + len(ours))
		default:
			length = -1 // who knows how often the body has it
		}
	}
	x.succeed(resp.StatusCode, resp.Header)
	if length >= 0 {
		x.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	x.start(x.status)
	_, err = io.Copy(writer{x}, io.MultiReader(bytes.NewReader(body), resp.Body))
	return err
}

// WriteTime is how long a caller may take to accept what is written at once.
const WriteTime = 5 * time.Minute

// writer writes to the caller, and gives him time for each piece.
type writer struct{ *exchange }

// Write implements [io.Writer]. If the caller takes no more, nobody failed.
func (w writer) Write(p []byte) (int, error) {
	_ = http.NewResponseController(w.w).SetWriteDeadline(time.Now().Add(WriteTime))
	n, err := w.w.Write(p)
	if err != nil {
		w.gone = true
		err = inproc.ErrEnough
	}
	return n, err
}
