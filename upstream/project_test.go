package upstream

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

func TestProject(t *testing.T) {
	for project, want := range map[Project]string{
		"42":                               "42",
		"group/app":                        "group%2Fapp",
		"a/b/c.d":                          "a%2Fb%2Fc.d",
		"a/..b":                            "a%2F..b",
		"50%":                              "50%25",
		"%2e%2e":                           "%252e%252e",
		"a?b#c":                            "a%3Fb%23c",
		`a\b`:                              "a%5Cb",
		"grüße/app":                        "gr%C3%BC%C3%9Fe%2Fapp",
		"//evil.example.com":               "",
		"":                                 "",
		".":                                "",
		"..":                               "",
		"a/../b":                           "",
		"a/./b":                            "",
		"a//b":                             "",
		"/a":                               "",
		"a/":                               "",
		"a\x00b":                           "",
		"a\nb":                             "",
		"a\u0085b":                         "",
		"a\xffb":                           "",
		Project(strings.Repeat("a", 2049)): "",
		Project(strings.Repeat("a", 2048)): strings.Repeat("a", 2048),
	} {
		got, err := project.escape()
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q escapes to %q, %v, want %q", project, got, err, want)
		}
	}
}

func TestProjectRulesAreTyped(t *testing.T) {
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a refused project was asked for")
		return answer(200, "{}"), nil
	})
	for project, want := range map[string]error{
		"": ErrProjectEmpty, "a/..": ErrProjectSegment, "\x7f": ErrProjectControl,
		"\xff": ErrProjectEncoding, strings.Repeat("a/", 2000): ErrProjectTooLong,
	} {
		_, err := c.CancelJob(t.Context(), &jobgatev1.CancelJobRequest{Project: project, JobId: 7})
		e := wantError(t, err, Invalid)
		if !errors.Is(err, want) || !e.Write || len(e.Violations) != 1 || e.Violations[0].Field != "project" {
			t.Errorf("%q: %#v, want %v", project, e, want)
		}
	}
}

// FuzzProject: a project is one segment of the path of our own host, whatever it is.
func FuzzProject(f *testing.F) {
	for _, seed := range []string{"42", "group/app", "../x", "a/..", "%2e", "//h", "a?b", "a#b", "@h", ":80", "a\\b", "é"} {
		f.Add(seed)
	}
	var seen *url.URL
	c := functionClient(f, func(req *http.Request) (*http.Response, error) {
		seen = req.URL
		return answer(200, "{}"), nil
	})
	f.Fuzz(func(t *testing.T, project string) {
		seen = nil
		_, _ = c.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: project, JobId: 7})
		if seen == nil {
			if Project(project).Check() == nil {
				t.Fatalf("%q keeps the rules and was not asked for", project)
			}
			return
		}
		again, err := url.Parse(seen.String())
		if err != nil || again.Host != "gitlab.example.com" || again.Scheme != "https" || again.RawQuery != "" {
			t.Fatalf("%q asks for %v, %v", project, seen, err)
		}
		segment, ok := strings.CutPrefix(again.EscapedPath(), "/api/v4/projects/")
		segment, ok2 := strings.CutSuffix(segment, "/jobs/7")
		decoded, err := url.PathUnescape(segment)
		if !ok || !ok2 || strings.ContainsAny(segment, "/?#") || err != nil || decoded != project {
			t.Fatalf("%q asks for %q, which is %q", project, again.EscapedPath(), decoded)
		}
	})
}
