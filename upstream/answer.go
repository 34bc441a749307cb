package upstream

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// refusal makes the error of an answer that is not a success, and closes it.
func (r *request) refusal(call *Call, resp *http.Response) *Error {
	defer func() { _ = resp.Body.Close() }()
	var credential Credential
	if call != nil {
		credential = call.Credential
	}
	e := r.about(Answered, resp, nil)
	e.Body, e.Truncated = r.readStart(resp.Body)
	e.RetryAfter = retryAfter(resp.StatusCode, resp.Header)
	switch {
	case resp.StatusCode == http.StatusNotModified:
		e.Kind, e.Err = Malformed, fmt.Errorf("gitlab answered %d without being asked for that", resp.StatusCode)
		return e
	case resp.StatusCode/100 == 3:
		e.Kind, e.Err = Redirected, redirected(credential.Scrub(resp.Header.Get("Location")))
		return e
	}
	explain(e, credential.Scrub(string(e.Body)))
	return e
}

// about makes an error of the given kind about an answer.
func (r *request) about(kind Kind, resp *http.Response, err error) *Error {
	return &Error{
		Op:          r.op.String(),
		Kind:        kind,
		Write:       r.isWrite(),
		Status:      resp.StatusCode,
		Header:      resp.Header,
		RequestID:   printable(resp.Header.Get("X-Request-Id"), 128),
		ContentType: resp.Header.Get("Content-Type"),
		Err:         err,
	}
}

// readStart reads the start of a body. That the rest cannot be read is no reason
// to forget the status.
func (r *request) readStart(body io.Reader) (start []byte, truncated bool) {
	start, err := io.ReadAll(io.LimitReader(body, int64(r.maxError)+1))
	if len(start) > r.maxError {
		return start[:r.maxError], true
	}
	return start, err != nil
}

// redirected names the target of a redirect by scheme and host only: the rest may
// hold a token.
func redirected(location string) error {
	to, err := url.Parse(location)
	if location == "" || err != nil || to.Host == "" {
		return errors.New("gitlab redirected the call")
	}
	return errors.New("gitlab redirected the call to " + printable(to.Scheme+"://"+to.Host, 256))
}
