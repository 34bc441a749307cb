package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// refusal is an answer of the face's own.
type refusal struct {
	status int
	body   string
}

// What GitLab's framework answers before any endpoint; contract section 3.
var (
	noRoute     = refusal{http.StatusNotFound, `{"error":"404 Not Found"}`}
	wrongMethod = refusal{http.StatusMethodNotAllowed, `{"error":"405 Not Allowed"}`}
	goneV3      = refusal{http.StatusGone, `{"error":"API V3 is no longer supported. Use API V4 instead."}`}
)

// What the gateway bounds.
var (
	targetTooLong  = tooMuch(http.StatusRequestURITooLong, "414 URI Too Long")
	headerTooLarge = tooMuch(http.StatusRequestHeaderFieldsTooLarge, "431 Request Header Fields Too Large")
	bodyTooLarge   = tooMuch(http.StatusRequestEntityTooLarge, "413 Request Entity Too Large")
	bodyTooSlow    = tooMuch(http.StatusRequestTimeout, "408 Request Timeout")
	bodyCut        = tooMuch(http.StatusBadRequest, "400 Bad Request - the body was cut off")
)

// tooMuch refuses what is beyond a bound, or was cut off.
func tooMuch(status int, message string) refusal {
	return refusal{status, `{"error":"` + message + `","reason":"INVALID_REQUEST"}`}
}

// anyOrigin is what GitLab tells a browser on any answer of its API; contract section 6.
var anyOrigin = map[string]string{
	"Access-Control-Allow-Origin":  "*",
	"Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
	"Access-Control-Max-Age":       "7200",
	"Access-Control-Expose-Headers": "Link, X-Total, X-Total-Pages, X-Per-Page, X-Page, X-Next-Page, X-Prev-Page, " +
		"X-Gitlab-Blob-Id, X-Gitlab-Commit-Id, X-Gitlab-Content-Sha256, X-Gitlab-Encoding, X-Gitlab-File-Name, " +
		"X-Gitlab-File-Path, X-Gitlab-Last-Commit-Id, X-Gitlab-Ref, X-Gitlab-Size, X-Request-Id, ETag",
}

// refuse answers for the face itself.
func (x *exchange) refuse(why *refusal) {
	h := x.Header()
	if x.r.ContentLength != 0 && x.body == nil {
		h.Set("Connection", "close") // the body was not read
	}
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Origin")
	h.Set("Cache-Control", "no-cache")
	if x.r.Header.Get("Origin") != "" {
		for name, value := range anyOrigin {
			h.Set(name, value)
		}
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(why.body)))
	x.start(why.status)
	_, _ = x.w.Write([]byte(why.body))
}

// ownFailure words a failure that is not an answer of GitLab's, in GitLab's form.
func ownFailure(status int, reason, message string) *refusal {
	title := http.StatusText(status)
	if title == "" {
		title = "Client Closed Request"
	}
	text, _ := json.Marshal(struct { //nolint:errchkjson // strings always encode
		Message string `json:"message"`
		Reason  string `json:"reason,omitempty"`
	}{fmt.Sprintf("%d %s - %s", status, title, message), reason})
	return &refusal{status, string(text)}
}
