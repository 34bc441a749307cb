package parity

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// requests compares what GitLab received.
func (v *verdict) requests(direct, through side, viaGateway bool) {
	if len(through.received) != len(direct.received) {
		v.addf("GitLab received %d requests, want %d:%s", len(through.received), len(direct.received), lines(through.received))
		return
	}
	for i, want := range direct.received {
		got := through.received[i]
		if diff := cmp.Diff(essence(want), essence(got)); diff != "" {
			v.addf("request %d (-want +got):\n%s", i, diff)
		}
		if viaGateway {
			v.safe(got, through.answers[:min(i, len(through.answers))])
		}
	}
}

func lines(requests []sandbox.Request) string {
	var out strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&out, "\n\t%s %s?%s", r.Method, r.Path, r.Query)
	}
	return out.String()
}

// passedOn are the header fields of a caller's that GitLab acts on, beside credentials.
var passedOn = []string{
	"Origin", "X-Request-Id", "Dpop",
	"Access-Control-Request-Method", "Access-Control-Request-Headers",
}

// essence is what must be equal of two requests. Where parameters cannot be read, as many bytes.
func essence(r sandbox.Request) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s\n%+v\n%s", r.Method, segments(r.Path), *r.Caller, texts(parameters(r.Params)))
	if r.Params == nil {
		fmt.Fprintf(&out, "\n%s\n%s", unescaped(r.Query), r.Body)
	}
	for _, name := range passedOn {
		if values := r.Header.Values(name); len(values) > 0 {
			fmt.Fprintf(&out, "\n%s: %q", name, strings.Join(values, ", "))
		}
	}
	return out.String()
}

func texts(params map[string]any) string {
	out, err := json.MarshalIndent(params, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// segments is a path with every segment decoded: how it was escaped does not matter.
func segments(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if decoded, err := url.PathUnescape(part); err == nil {
			parts[i] = fmt.Sprintf("%q", decoded)
		}
	}
	return strings.Join(parts, "/")
}

// unescaped is a query that GitLab cannot read, without the escapes that can be read.
func unescaped(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if decoded, err := url.QueryUnescape(pair); err == nil {
			pairs[i] = fmt.Sprintf("%q", decoded)
		}
	}
	return strings.Join(pairs, "&")
}

// typed are the parameters whose values keep their JSON types; of all others GitLab reads a text.
var typed = []string{"inputs", "job_inputs"}

// parameters leaves out credentials, which are compared by what GitLab makes of them, and what is
// as good as not sent.
func parameters(params map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range params {
		if value == nil || name == "sudo" || slices.Contains(credentialNames, name) {
			continue
		}
		if !slices.Contains(typed, name) {
			value = asText(value)
		}
		out[name] = value
	}
	return out
}

func asText(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, item := range v {
			out[name] = asText(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = asText(item)
		}
		return out
	case nil:
		return nil
	default:
		return fmt.Sprint(v)
	}
}

// neverSent are header fields that a gateway keeps to itself.
var neverSent = []string{"Cookie", "Idempotency-Key"}

// safe asks of a gateway that it passes no condition of the caller's on: only validators that
// GitLab gave before.
func (v *verdict) safe(r sandbox.Request, before []answer) {
	for _, name := range neverSent {
		if values := r.Header.Values(name); len(values) > 0 {
			v.addf("GitLab received %s: %q", name, values)
		}
	}
	for _, validator := range r.Header.Values("If-None-Match") {
		if !slices.ContainsFunc(before, func(a answer) bool { return a.header.Get("ETag") == validator }) {
			v.addf("GitLab received If-None-Match: %s", validator)
		}
	}
}

// probes lets a gateway find out what GitLab does with slices of this very log.
func (v *verdict) probes(direct, through side) {
	for _, r := range through.received {
		if r.Method != direct.received[0].Method || r.Path != direct.received[0].Path || *r.Caller != *direct.received[0].Caller {
			v.addf("GitLab received %s, which nobody asked for", lines([]sandbox.Request{r}))
		}
	}
	if len(through.received) > len(direct.received)+1 {
		v.addf("GitLab received %d requests, want %d and one more at most:%s", len(through.received), len(direct.received), lines(through.received))
	}
}
