package parity

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// verdict is what a comparison found.
type verdict struct {
	differences []string
	values      bool // JSON is compared by value
}

func (v *verdict) addf(format string, args ...any) {
	v.differences = append(v.differences, fmt.Sprintf(format, args...))
}

// compare judges a case by its kind. It is told whether a gateway was on the other side: another
// GitLab may do what a gateway must not, and cannot answer by itself.
func compare(tc testCase, direct, through side, viaGateway bool) verdict {
	v := verdict{values: tc.values}
	switch {
	case tc.kind == deviates && viaGateway:
		if difference := tc.check(direct, through); difference != "" {
			v.addf("%s", difference)
		}
	case tc.kind == class && viaGateway:
		v.classes(direct, through)
	case tc.kind == probed && viaGateway:
		v.answers(direct, through, locally)
		v.probes(direct, through)
	case tc.kind == local && viaGateway:
		v.answers(direct, through, locally)
		if n := len(through.received); n > 0 {
			v.addf("GitLab was asked %d times", n)
		}
	default:
		v.answers(direct, through, compared)
		v.requests(direct, through, viaGateway)
	}
	return v
}

// answers compares what the callers got, header fields as by says.
func (v *verdict) answers(direct, through side, by func(name string) bool) {
	if len(direct.answers) != len(through.answers) {
		v.addf("%d answers, want %d", len(through.answers), len(direct.answers))
		return
	}
	for i, want := range direct.answers {
		got := through.answers[i]
		if want.broken != nil && got.broken != nil {
			continue
		}
		if want.broken != nil || got.broken != nil {
			v.addf("answer %d is broken: %v, want %v", i, got.broken, want.broken)
			return
		}
		if got.status != want.status {
			v.addf("status %d, want %d: %.300s, want %.300s", got.status, want.status, got.body, want.body)
			continue // the rest differs then, and would only hide it
		}
		v.headers(want, got, direct.base, through.base, by)
		v.bodies(want, got, direct.base, through.base)
	}
}

// uncompared are header fields of the connection, not of the answer, and the time of sending.
var uncompared = []string{"Date", "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length"}

func compared(name string) bool { return !slices.Contains(uncompared, name) }

// locally leaves out what only GitLab can know of a request.
func locally(name string) bool {
	return compared(name) && name != "X-Request-Id" && name != "X-Runtime" && name != "X-Gitlab-Meta"
}

func (v *verdict) headers(want, got answer, wantBase, gotBase string, by func(name string) bool) {
	wanted, gotten := headers(want.header, wantBase, by), headers(got.header, gotBase, by)
	if diff := cmp.Diff(wanted, gotten); diff != "" {
		v.addf("header fields (-want +got):\n%s", diff)
	}
	length, ok := got.header["Content-Length"]
	switch {
	case want.status == http.StatusMovedPermanently && ok: // it holds our address, of another length
	case bytes.Equal(got.body, want.body) && ok && !slices.Equal(length, want.header["Content-Length"]):
		v.addf("Content-Length %q, want %q", length, want.header["Content-Length"])
	case len(want.body) == 0 && !ok && want.header.Get("Content-Length") != "":
		v.addf("no Content-Length, want %q", want.header["Content-Length"])
	}
}

func headers(h http.Header, base string, by func(name string) bool) http.Header {
	out := http.Header{}
	for name, values := range h {
		if !by(name) {
			continue
		}
		for _, value := range values {
			if name == "Link" || name == "Location" {
				value = neutral(value, base)
			}
			out[name] = append(out[name], value)
		}
	}
	return out
}

// bodies compares byte for byte, or by value what is JSON and may be compared so. A value is
// compared with the texts of its numbers.
func (v *verdict) bodies(want, got answer, wantBase, gotBase string) {
	if want.status == http.StatusMovedPermanently {
		want.body, got.body = []byte(neutral(string(want.body), wantBase)), []byte(neutral(string(got.body), gotBase))
	}
	if bytes.Equal(want.body, got.body) {
		return
	}
	if want.status < 300 && strings.HasPrefix(want.header.Get("Content-Type"), "application/json") {
		wanted, err1 := decode(want.body)
		gotten, err2 := decode(got.body)
		if err1 == nil && err2 == nil {
			diff := differing("JSON", wanted, gotten)
			switch {
			case diff != "":
				v.addf("%s", diff)
			case !v.values:
				v.addf("JSON is equal in value, but not in bytes: %s", apart(want.body, got.body))
			}
			return
		}
	}
	v.addf("body %.500q, want %.500q", got.body, want.body)
}

// classes asks for GitLab's class of answer, or a clear 4xx, without anything else upstream.
func (v *verdict) classes(direct, through side) {
	for i, got := range through.answers {
		want := 4
		if i < len(direct.answers) && direct.answers[i].broken == nil {
			want = direct.answers[i].status / 100
		}
		if got.broken != nil || got.status/100 != want && got.status/100 != 4 {
			v.addf("answer %d, %v, want %dxx", got.status, got.broken, want)
		}
	}
	asked := map[string]bool{}
	for _, r := range direct.received {
		asked[r.Method+" "+segments(r.Path)] = true
		asked[r.Method+" "+segments(withoutDots(r.Path))] = true
	}
	for _, r := range through.received {
		if what := r.Method + " " + segments(r.Path); !asked[what] {
			v.addf("GitLab was asked %s, want one of %q", what, slices.Collect(maps.Keys(asked)))
		}
	}
}

// withoutDots is a path with "-" for each step in it, which names no project and no job: a gateway
// may ask so instead, and then steps nowhere.
func withoutDots(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		decoded, err := url.PathUnescape(part)
		if err != nil {
			continue
		}
		names := strings.Split(decoded, "/")
		for j, name := range names {
			if name == "." || name == ".." {
				names[j] = "-"
			}
		}
		parts[i] = url.PathEscape(strings.Join(names, "/"))
	}
	return strings.Join(parts, "/")
}
