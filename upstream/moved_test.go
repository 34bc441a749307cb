package upstream

import (
	"net/http"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// TestMovedProject: which redirects are followed; contract section 1.
func TestMovedProject(t *testing.T) {
	const origin = "https://gitlab.example.com"
	for location, follows := range map[string]bool{
		origin + "/api/v4/projects/42/jobs/7?a=other":              true,
		"https://GITLAB.example.com:443/api/v4/projects/42/jobs/7": true,
		"/api/v4/projects/42/jobs/7":                               true,
		"http://gitlab.example.com/api/v4/projects/42/jobs/7":      false,
		"https://evil.example.com/api/v4/projects/42/jobs/7":       false,
		"//evil.example.com/api/v4/projects/42/jobs/7":             false,
		origin + ":444/api/v4/projects/42/jobs/7":                  false,
		"https://u@gitlab.example.com/api/v4/projects/42/jobs/7":   false,
		"https:/api/v4/projects/42/jobs/7":                         false,
		origin + "/api/v4/projects/42/jobs/8":                      false,
		origin + "/api/v4/projects/42/jobs/7/erase":                false,
		origin + "/api/v4/projects/new%2Fapp/jobs/7":               false,
		origin + "/api/v4/projects//jobs/7":                        false,
		origin + "/api/v4/projects/42/../1/jobs/7":                 false,
		origin + "/users/sign_in":                                  false,
		"%zz":                                                      false,
		"":                                                         false,
	} {
		var asked []string
		c := functionClient(t, func(req *http.Request) (*http.Response, error) {
			asked = append(asked, req.URL.String()+" "+req.Header.Get("Private-Token"))
			if len(asked) > 1 {
				return answer(200, `{"id":7}`), nil
			}
			resp := answer(301, "This resource has been moved permanently to "+location)
			resp.Header.Set("Location", location)
			return resp, nil
		})
		ctx := as(t.Context(), Credential{PrivateToken: "token"})
		_, err := c.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "old/app", JobId: 7, ExtraParameters: param("a", "b")})
		if !follows {
			e := wantError(t, err, Redirected)
			if len(asked) != 1 || strings.Contains(err.Error(), "jobs/7?") || e.Status != 301 || CallFrom(ctx).Reply.Header.Get("Location") != location {
				t.Errorf("%q: %v after %q", location, err, asked)
			}
			continue
		}
		if want := origin + "/api/v4/projects/42/jobs/7?a=b token"; err != nil || len(asked) != 2 || asked[1] != want {
			t.Errorf("%q: asked %q, %v", location, asked, err)
		}
	}
}

func TestRedirectsNotFollowed(t *testing.T) {
	const location = "https://gitlab.example.com/api/v4/projects/42/jobs/7/cancel?private_token=secret"
	for name, row := range map[string]struct {
		status int
		write  bool
		keep   bool
	}{
		"write": {301, true, false}, "found": {302, false, false}, "temporary": {307, true, false},
		"permanent": {308, true, false}, "as wanted": {301, false, true},
	} {
		calls := 0
		c := functionClient(t, func(*http.Request) (*http.Response, error) {
			calls++
			resp := answer(row.status, "moved")
			resp.Header.Set("Location", strings.Replace(location, "/cancel", map[bool]string{true: "/cancel"}[row.write], 1))
			return resp, nil
		})
		ctx := WithCall(t.Context(), &Call{KeepRedirects: row.keep})
		var err error
		if row.write {
			_, err = c.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "old/app", JobId: 7})
		} else {
			_, err = c.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "old/app", JobId: 7})
		}
		e := wantError(t, err, Redirected)
		if calls != 1 || e.Write != row.write || strings.Contains(err.Error(), "secret") ||
			!strings.Contains(err.Error(), "https://gitlab.example.com") || string(e.Body) != "moved" {
			t.Errorf("%s: %d calls, %v", name, calls, err)
		}
	}
}

func TestMovedOnlyOnce(t *testing.T) {
	calls := 0
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		calls++
		resp := answer(301, "")
		resp.Header.Set("Location", "/api/v4/projects/4"+strings.Repeat("2", calls)+"/jobs/7")
		return resp, nil
	})
	wantError(t, getJob(t, c), Redirected)
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}
