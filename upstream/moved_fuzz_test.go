package upstream

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// movedThere is the one form of address that is followed, of a job 7 in a project that has moved.
var movedThere = regexp.MustCompile(`^(?:(?i:https://gitlab\.example\.com)(?::(?:443)?)?)?/api/v4/projects/([0-9]{1,20})/jobs/7(?:[?#].*)?$`)

// FuzzMoved answers with any Location: it is followed if it has the one form that it may
// have, by a slow reader, and what is then asked for is ours but for the number.
func FuzzMoved(f *testing.F) {
	for _, seed := range []string{
		"https://gitlab.example.com/api/v4/projects/42/jobs/7?a=other", "/api/v4/projects/42/jobs/7", "//gitlab.example.com/api/v4/projects/42/jobs/7",
		"https://GITLAB.example.com:443/api/v4/projects/42/jobs/7#x", "https://gitlab.example.com:/api/v4/projects/42/jobs/7", "https://u:p@gitlab.example.com/api/v4/projects/42/jobs/7",
		"https://gitlab.example.com.evil/api/v4/projects/42/jobs/7", "https:/api/v4/projects/42/jobs/7", "https:api/v4/projects/42/jobs/7",
		"/api/v4/projects/4%32/jobs/7", "/api/v4/projects/42/jobs/%37", "/api/v4/projects/42//jobs/7", "/api/v4/projects/999999999999999999999/jobs/7",
		"/api/v4/projects/42/jobs/7/erase", "\\\\evil/api/v4/projects/42/jobs/7", " /api/v4/projects/42/jobs/7", "/api/v4/projects/\u0664\u0662/jobs/7",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, location string) {
		var asked []*http.Request
		c := functionClient(t, func(req *http.Request) (*http.Response, error) {
			asked = append(asked, req)
			resp := answer(200, `{"id":7}`)
			if len(asked) == 1 {
				resp = answer(301, "moved")
				resp.Header["Location"] = []string{location}
			}
			return resp, nil
		})
		_, err := c.GetJob(as(t.Context(), Credential{PrivateToken: "canary-private"}), &jobgatev1.GetJobRequest{Project: "old/app", JobId: 7})
		form := movedThere.FindStringSubmatch(location)
		if _, unreadable := url.Parse(location); unreadable != nil {
			form = nil
		}
		if form == nil && (err == nil || len(asked) != 1) || form != nil && (err != nil || len(asked) != 2) {
			t.Fatalf("%q: asked %d times, %v", location, len(asked), err)
		}
		for _, req := range asked {
			if req.URL.Scheme != "https" || req.URL.Host != "gitlab.example.com" || req.Host != "gitlab.example.com" || req.URL.RawQuery != "" || req.URL.Fragment != "" {
				t.Errorf("%q: asked %s", location, req.URL)
			}
		}
		if len(form) > 1 && asked[1].URL.EscapedPath() != "/api/v4/projects/"+form[1]+"/jobs/7" {
			t.Errorf("%q: asked %s", location, asked[1].URL)
		}
		if err != nil && strings.Contains(err.Error(), "canary") && !strings.Contains(location, "canary") {
			t.Errorf("%q: %v", location, err)
		}
	})
}
