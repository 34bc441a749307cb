package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream"
)

// headersOf reads the credential that the headers hold.
func headersOf(h http.Header) upstream.Credential {
	one := func(name string) string { return strings.Join(h[name], ", ") } // as Rack joins them
	return upstream.Credential{
		PrivateToken:  one("Private-Token"),
		Authorization: one("Authorization"),
		JobToken:      one("Job-Token"),
		Sudo:          one("Sudo"),
		DPoP:          one("Dpop"),
	}
}

// places are the parameters that hold a credential, and the header that says the same.
// Of several for one header, the last that is there counts; contract section 2. `sudo` is
// none of them: GitLab repeats it in links, which then act as the same user.
var places = []struct {
	name   string
	scheme string
	header func(*upstream.Credential) *string
}{
	{"token", "", func(c *upstream.Credential) *string { return &c.JobToken }},
	{"job_token", "", func(c *upstream.Credential) *string { return &c.JobToken }},
	{"private_token", "", func(c *upstream.Credential) *string { return &c.PrivateToken }},
	{"bearer_token", "Bearer ", func(c *upstream.Credential) *string { return &c.Authorization }},
	{"access_token", "Bearer ", func(c *upstream.Credential) *string { return &c.Authorization }},
}

// identify finds out whose request it is. Credentials in parameters become headers, with
// the precedence of GitLab: a parameter before the header, the body before the query. If
// the place or the precedence of one is not certain, all stay where they are, for GitLab
// to judge; the request then fits no RPC. The query is not plain if it cannot be cut into
// parameters.
func (x *exchange) identify() (plain bool) {
	x.Credential = headersOf(x.r.Header)
	if x.query, plain = pairs(x.rawQuery); plain {
		x.moveCredentials()
	}
	return plain
}

func (x *exchange) moveCredentials() {
	oauth := x.has("access_token") || x.has("bearer_token")
	if oauth && (x.Credential.PrivateToken != "" || x.Credential.Authorization != "" || x.has("private_token") ||
		x.has("access_token") && x.has("bearer_token")) {
		return
	}
	moved, found := x.Credential, false
	for _, place := range places {
		if !x.has(place.name) {
			continue
		}
		value, ok := x.credential(place.name)
		if !ok {
			return
		}
		*place.header(&moved) = place.scheme + value
		found = true
	}
	if !found {
		return
	}
	x.Credential, x.moved = moved, true
	for _, place := range places {
		x.remove(place.name)
	}
}

// speaksForOthers says whether a parameter names another caller, another HTTP method, or
// another project or job, than what is known of the request.
func (x *exchange) speaksForOthers() bool {
	if !x.body.plain && len(x.body.bytes) > 0 {
		return true // nobody here knows what is in it
	}
	for _, place := range places {
		if x.has(place.name) {
			return true
		}
	}
	return slices.ContainsFunc([]string{"sudo", "_method", "id", "project_id", "job_id", "pipeline_id"}, x.has)
}

// has says whether the request has a parameter, in any spelling.
func (x *exchange) has(base string) bool { return has(x.query, base) || has(x.body.params, base) }

// credential is the value of a parameter, if a header can hold it.
func (x *exchange) credential(name string) (value string, ok bool) {
	ok = true
	for _, p := range x.query {
		if p.base == name {
			value, ok = p.value, ok && p.name == name
		}
	}
	for _, p := range x.body.params {
		if p.base != name {
			continue
		}
		value, ok = p.value, ok && p.name == name
		if x.body.form == jsonObject {
			var text *string
			if json.Unmarshal([]byte(p.value), &text) != nil || text == nil {
				return "", false
			}
			value = *text
		}
	}
	return value, ok && fitsHeader(value)
}

// remove takes a parameter out of the request.
func (x *exchange) remove(name string) {
	if has(x.query, name) {
		x.query = without(x.query, name)
		x.rawQuery = encoded(x.query)
	}
	if has(x.body.params, name) {
		x.body.remove(name)
	}
}

// fitsHeader says whether a header can hold a value so that GitLab reads the same.
func fitsHeader(value string) bool {
	return value != "" && strings.TrimSpace(value) == value &&
		!strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// forwarded are the headers of a request that are sent to GitLab beside the credential:
// who asks from which page, and the caller's name for the request; contract section 6.
var forwarded = []string{"Origin", "X-Request-Id", "Access-Control-Request-Method", "Access-Control-Request-Headers"}

func forward(h http.Header) http.Header {
	var out http.Header
	for _, name := range forwarded {
		if values := h[name]; len(values) > 0 {
			if out == nil {
				out = make(http.Header, len(forwarded))
			}
			out[name] = values
		}
	}
	return out
}
