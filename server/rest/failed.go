package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/status"

	"github.com/jobgate/jobgate/upstream"
)

// failed answers a call that failed: with GitLab's own answer if there is one, byte for
// byte, else in GitLab's form. Once the answer has begun, only breaking the connection
// tells the caller that it is not whole.
func (x *exchange) failed(err error) {
	if x.started {
		x.breakOff()
	}
	clear(x.Header())     // of an answer that did not come about
	if x.Failure == nil { // grpc-gateway's own
		x.refuse(ownFailure(http.StatusInternalServerError, "GATEWAY_FAILED", status.Convert(err).Message()))
		return
	}
	told := x.Failure.Status
	if e := x.Failure.Upstream; e != nil && tellsItself(e) {
		if len(e.Body) > 0 || !e.Truncated {
			x.repeat(e)
			return
		}
		if x.Failure.Reason != "WRITE_OUTCOME_UNKNOWN" { // GitLab's words are lost, or, of a write's repeat, not kept
			told = e.Status
		}
	}
	x.Header().Set("X-Request-Id", x.Failure.RequestID)
	if wait := x.Failure.RetryAfter; wait > 0 {
		x.Header().Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
	x.refuse(ownFailure(told, x.Failure.Reason, x.Failure.Message))
}

// tellsItself says whether GitLab's answer is there to be repeated: a refusal, a redirect,
// or a success that no message can hold.
func tellsItself(e *upstream.Error) bool {
	switch e.Kind {
	case upstream.Answered, upstream.Redirected:
		return true
	case upstream.Malformed:
		return e.Status/100 == 2 && e.Status != http.StatusPartialContent && !e.Truncated &&
			(len(e.Body) == 0 || json.Valid(e.Body) && utf8.Valid(e.Body))
	}
	return false
}

// repeat answers what GitLab answered. Of a redirect, GitLab's address becomes ours, also
// where the body repeats it; contract section 1.
func (x *exchange) repeat(e *upstream.Error) {
	x.succeed(e.Status, x.Reply.Header)
	body := e.Body
	if old := x.Reply.Header.Get("Location"); e.Kind == upstream.Redirected && old != "" {
		to := x.target(old)
		if x.follows { // GitLab's is of a request that the caller has not made
			to, _, _ = strings.Cut(to, "?")
			to += "?" + x.rawQuery
			x.Header().Set("Location", to)
		}
		body = bytes.ReplaceAll(body, []byte(old), []byte(to))
	}
	if x.fresh {
		x.start(x.status)
		return
	}
	if !e.Truncated && allowsBody(e.Status) {
		x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.start(e.Status)
	if _, err := x.w.Write(body); e.Truncated && err == nil {
		x.breakOff() // there was more
	}
}

// breakOff ends an answer that is not whole, after what there is of it.
func (x *exchange) breakOff() {
	x.broken = true
	_ = http.NewResponseController(x.w).Flush()
	panic(http.ErrAbortHandler)
}

func allowsBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified && status/100 != 1
}
