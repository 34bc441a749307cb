package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// client follows no redirect and keeps no connection, so that none outlives its test.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// restAnswer is what the REST face answers.
type restAnswer struct {
	status int
	header http.Header
	body   string
}

// overREST makes the call on the REST face.
func (r request) overREST(t *testing.T, gw *gateway, header ...string) restAnswer {
	t.Helper()
	return ask(t, gw.url, r.method, r.path, append([]string{"Private-Token", canary}, header...)...)
}

// ask asks for a path below /api/v4.
func ask(t *testing.T, base, method, path string, header ...string) restAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+"/api/v4"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return restAnswer{resp.StatusCode, resp.Header, string(body)}
}

// wantOwn asserts a failure that is the gateway's own.
func wantOwn(t *testing.T, got restAnswer, status int, reason string) {
	t.Helper()
	var body struct{ Message, Reason string }
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%q: %v", got.body, err)
	}
	if got.status != status || body.Reason != reason || !strings.HasPrefix(body.Message, itoa(int64(status))+" ") {
		t.Errorf("%d %s, want %d %s", got.status, got.body, status, reason)
	}
	if got.header.Get("Content-Type") != asJSON || got.header.Get("X-Request-Id") == "" {
		t.Errorf("header %v", got.header)
	}
}

// The cases of the error table over REST: GitLab's answer byte for byte where it gave
// one, else ours with the same reason.
func TestErrorTableOverREST(t *testing.T) {
	for name, c := range errorCases {
		t.Run(name, func(t *testing.T) {
			options := []upstream.Option{upstream.WithMaxBody(64 << 10)}
			if strings.HasPrefix(name, "hangs") { // only these end by the clock
				options = append(options, upstream.WithTimeout(200*time.Millisecond))
			}
			gw := newGateway(t, c.gitlab, options...)
			got := c.call.overREST(t, gw)
			wantNoToken(t, gw, nil, canary)
			if strings.Contains(got.body, canary) || strings.Contains(got.header.Get("Location"), canary) {
				t.Errorf("the token comes back: %v", got)
			}
			if status, own := ownOverREST[name]; own {
				wantOwn(t, got, status, c.want.reason)
				return
			}
			rec := httptest.NewRecorder()
			c.gitlab.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), c.call.method, "/api/v4"+c.call.path, http.NoBody))
			if got.status != rec.Code || got.body != rec.Body.String() {
				t.Errorf("%d %q, GitLab says %d %q", got.status, got.body, rec.Code, rec.Body)
			}
			for _, name := range []string{"Content-Type", "Retry-After"} {
				if got.header.Get(name) != rec.Header().Get(name) {
					t.Errorf("%s %q, GitLab says %q", name, got.header.Get(name), rec.Header().Get(name))
				}
			}
		})
	}
}

// A call answers the same on both faces, and on both what GitLab says.
func TestBothFacesAnswerAsGitLab(t *testing.T) {
	me := []string{"Private-Token", sandbox.TokenMaintainer}
	job := []string{"Job-Token", sandbox.JobTokenDeploy}
	for _, version := range []string{"current", "15.6"} {
		gw, box := newSandbox(t, sandbox.WithVersion(version), sandbox.WithURL("https://gitlab.example.com"))
		for path, header := range map[string][]string{
			"/projects/1/jobs?per_page=100":                 me,
			"/projects/acme%2Fwidgets/jobs/101":             me,
			"/projects/1/jobs/" + itoa(sandbox.JobBig):      me,
			"/projects/1/jobs/" + itoa(sandbox.JobOrphan):   me,
			"/projects/1/jobs/" + itoa(sandbox.JobErased):   me,
			"/projects/1/pipelines/100/jobs":                me,
			"/projects/1/pipelines/100/bridges?per_page=2":  me,
			"/projects/1/jobs/101/trace":                    me,
			"/job":                                          job,
			"/job/allowed_agents":                           job,
			"/projects/1/pipelines/100/jobs?scope[]=failed": me,
		} {
			t.Run(version+path, func(t *testing.T) {
				got := ask(t, gw.url, "GET", path, header...)
				req := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v4"+path, http.NoBody)
				for i := 0; i < len(header); i += 2 {
					req.Header.Set(header[i], header[i+1])
				}
				rec := httptest.NewRecorder()
				box.ServeHTTP(rec, req)
				want := rec.Body.String()
				if version != "current" && got.header.Get("Content-Type") == asJSON { // in another order
					got.body, want = sorted(t, got.body), sorted(t, want)
				}
				if got.status != rec.Code || got.body != want {
					t.Errorf("%d %.200s\nGitLab says %d %.200s", got.status, got.body, rec.Code, want)
				}
			})
		}
	}
}

// sorted is JSON with its members in order.
func sorted(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
