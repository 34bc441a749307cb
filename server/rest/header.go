package rest

import (
	"net/http"
	"strings"
	"time"
)

// spelling is how GitLab writes the headers of an answer that are passed on, by their
// canonical name: all that a client can act on. Left out is what belongs to a connection
// or to one server: Set-Cookie, Server, Date and such.
var spelling = func() map[string]string {
	names := map[string]string{}
	for name := range strings.FieldsSeq(`
		Age Allow Cache-Control Content-Disposition Content-Language Content-Security-Policy Content-Type
		Deprecation ETag Expires Last-Modified Link Location Permissions-Policy Pragma Referrer-Policy Retry-After
		Jobgate-Replayed
		Server-Timing Sunset Vary Warning WWW-Authenticate
		RateLimit-Name RateLimit-Limit RateLimit-Observed RateLimit-Remaining RateLimit-Reset RateLimit-ResetTime`) {
		names[http.CanonicalHeaderKey(name)] = name
	}
	return names
}()

// families are beginnings of names that are passed on, whatever a newer GitLab adds; but
// for orders to a proxy.
var (
	families = []string{"X-", "Ratelimit", "Gitlab-", "Access-Control-"}
	orders   = []string{"Gitlab-Workhorse-", "X-Accel-", "X-Sendfile", "X-Forwarded-", "X-Real-Ip"}
)

// pass copies the headers of an answer that a caller may see. Addresses of GitLab's in
// them become ours.
func (x *exchange) pass(from http.Header) {
	to := x.Header()
	for name, values := range from {
		known, ok := spelling[name]
		switch {
		case name == "Link" || name == "Location":
			to[name] = x.readdressed(name, values)
		case ok:
			to[known] = values
		case begins(name, families) && !begins(name, orders):
			to[name] = values
		}
	}
}

func begins(name string, with []string) bool {
	for _, prefix := range with {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// succeed prepares an answer of GitLab's, and finds out whether the caller has it
// already; contract section 6.
func (x *exchange) succeed(status int, header http.Header) {
	if header["Content-Type"] == nil {
		x.Header()["Content-Type"] = nil // nobody is to guess one
	}
	x.pass(header)
	x.tellQuota(header)
	x.status = status
	if status == http.StatusOK && (x.r.Method == http.MethodGet || x.r.Method == http.MethodHead) &&
		matches(x.r.Header["If-None-Match"], header.Get("ETag")) {
		x.status, x.fresh = http.StatusNotModified, true
		x.Header().Del("Content-Type")
	}
}

// tellQuota tells what is left of GitLab's quota, where that is known and GitLab has not
// told it.
func (x *exchange) tellQuota(from http.Header) {
	q := x.Quota
	if q == nil || from["Ratelimit-Remaining"] != nil {
		return
	}
	h := x.Header()
	h.Set("Jobgate-Quota-Limit", itoa(q.Limit))
	h.Set("Jobgate-Quota-Remaining", itoa(q.Remaining))
	h.Set("Jobgate-Quota-Reset", itoa(max(int64(time.Until(q.Reset)/time.Second), 0)))
}

// matches compares the validators of a caller with that of the answer, weakly (RFC 9110,
// section 13.1.2).
func matches(given []string, etag string) bool {
	if etag == "" {
		return false
	}
	opaque := strings.TrimPrefix(etag, "W/")
	for _, line := range given {
		for line != "" {
			var one string
			if one, line = cutTag(line); one == "*" || one != "" && strings.TrimPrefix(one, "W/") == opaque {
				return true
			}
		}
	}
	return false
}

// cutTag cuts the first validator from a list. A comma may be part of one.
func cutTag(list string) (tag, rest string) {
	list = strings.TrimLeft(list, " \t,")
	open := strings.IndexByte(list, '"')
	end := strings.IndexByte(list, ',')
	if open >= 0 && (end < 0 || open < end) {
		if closing := strings.IndexByte(list[open+1:], '"'); closing >= 0 {
			end = open + closing + 2
			return strings.TrimSpace(list[:end]), list[end:]
		}
	}
	if end < 0 {
		return strings.TrimSpace(list), ""
	}
	return strings.TrimSpace(list[:end]), list[end:]
}
