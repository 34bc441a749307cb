package parity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// together judges by several checks.
func together(checks ...func(direct, through side) string) func(direct, through side) string {
	return func(direct, through side) string {
		for _, check := range checks {
			if found := check(direct, through); found != "" {
				return found
			}
		}
		return ""
	}
}

// answers asks for a status, and for parts of header and body.
func answers(status int, parts ...string) func(direct, through side) string {
	return func(_, through side) string {
		last := through.last()
		if last.broken != nil || last.status != status {
			return fmt.Sprintf("%d, %v, want %d: %.300s", last.status, last.broken, status, last.body)
		}
		whole := whole(last)
		for _, part := range parts {
			if !strings.Contains(whole, part) {
				return fmt.Sprintf("no %s in %.1000s", part, whole)
			}
		}
		return ""
	}
}

// lacks asks that something is nowhere in the answers.
func lacks(parts ...string) func(direct, through side) string {
	return func(_, through side) string {
		for _, one := range through.answers {
			for _, part := range parts {
				if strings.Contains(whole(one), part) {
					return fmt.Sprintf("there is %s in %.1000s", part, whole(one))
				}
			}
		}
		return ""
	}
}

// unasked asks that GitLab received nothing.
func unasked(_, through side) string {
	if len(through.received) > 0 {
		return "GitLab was asked:" + lines(through.received)
	}
	return ""
}

// asked asks that GitLab received so many requests.
func asked(n int) func(direct, through side) string {
	return func(_, through side) string {
		if len(through.received) != n {
			return fmt.Sprintf("GitLab received %d requests, want %d:%s", len(through.received), n, lines(through.received))
		}
		return ""
	}
}

// named asks that links and redirects begin with the address that was called.
func named(field string) func(direct, through side) string {
	return func(direct, through side) string {
		ours, theirs := through.last().header.Get(field), direct.last().header.Get(field)
		if !strings.Contains(ours, through.base+"/api/v4/") || strings.Contains(ours, "gitlab.example.com") || !strings.Contains(theirs, "https://gitlab.example.com/") {
			return fmt.Sprintf("%s %s, GitLab's %s", field, ours, theirs)
		}
		return ""
	}
}

// inHeader asks that GitLab went by the same credential, and received no parameter that holds one.
func inHeader(direct, through side) string {
	for i, r := range through.received {
		if want := direct.received[i].Caller; *r.Caller != *want || r.Caller.Token == "" {
			return fmt.Sprintf("caller %+v, want %+v", *r.Caller, *want)
		}
		if strings.Contains(r.Path+"?"+r.Query+string(r.Body), r.Caller.Token) {
			return "the credential is in a parameter:" + lines(through.received)
		}
	}
	return ""
}

// part asks for bytes of what GitLab answers in whole.
func part(from, to int) func(direct, through side) string {
	return func(direct, through side) string {
		all := direct.last().body
		if want := all[min(from, len(all)):min(to, len(all))]; !bytes.Equal(through.last().body, want) {
			return fmt.Sprintf("body %.100q, want %.100q", through.last().body, want)
		}
		return ""
	}
}

// worded asks for an error of one of some statuses in GitLab's form, which tells no token.
func worded(statuses ...int) func(direct, through side) string {
	return together(lacks(sandbox.TokenMaintainer), func(_, through side) string {
		last := through.last()
		var body struct{ Message, Error string }
		if last.broken != nil || !slices.Contains(statuses, last.status) || json.Unmarshal(last.body, &body) != nil || body.Message+body.Error == "" {
			return fmt.Sprintf("%d, %v, want %v in GitLab's form: %.300s", last.status, last.broken, statuses, last.body)
		}
		return ""
	})
}

// broken asks that the caller cannot take the answer for whole.
func broken(_, through side) string {
	if last := through.last(); last.broken == nil && last.status < 500 {
		return fmt.Sprintf("%d and %d bytes, as if nothing had happened", last.status, len(last.body))
	}
	return ""
}

// elsewhere is a GitLab that has more than the Jobs API.
func elsewhere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/jobs") {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(httptest.NewRecorder(), r) // which notes what was asked
		_, _ = w.Write([]byte("{}"))
	})
}
