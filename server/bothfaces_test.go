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
	return send(t, base, method, path, "", header...)
}

// send does so with a body.
func send(t *testing.T, base, method, path, sent string, header ...string) restAnswer {
	t.Helper()
	got, err := sendBroken(t, base, method, path, sent, header...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// sendBroken does so and reads what comes, also of an answer that breaks off: that is the
// error.
func sendBroken(t *testing.T, base, method, path, sent string, header ...string) (restAnswer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+"/api/v4"+path, strings.NewReader(sent))
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
	return restAnswer{resp.StatusCode, resp.Header, string(body)}, err
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

// What GitLab's front ends do to answers comes back, or is told.
func TestOddAnswersOverREST(t *testing.T) {
	short := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		w.Header().Set("Content-Length", "5000")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"403 For`)
	})
	gw := newGateway(t, short)
	for _, r := range []request{getJob, cancelJob, {nil, "GET", getJob.path + "/"}} {
		got, err := sendBroken(t, gw.url, r.method, r.path, "")
		if err == nil || got.status != http.StatusForbidden || got.body != `{"message":"403 For` || got.header["Content-Type"] != nil {
			t.Errorf("%s: %v, %v", r.method, got, err)
		}
	}
	gw = newGateway(t, answer(200, asJSON, "squeezed", "Content-Encoding", "br"))
	wantOwn(t, getJob.overREST(t, gw), http.StatusBadGateway, "UPSTREAM_MALFORMED")
	if got := (request{nil, "GET", getJob.path + "/"}).overREST(t, gw); got.header.Get("Content-Encoding") != "br" {
		t.Errorf("relayed without its coding: %v", got)
	}
	text := "see https://gitlab.example.com/api/v4/job?private_token=x and again https://gitlab.example.com/api/v4/job?private_token=x"
	gw = newGateway(t, answer(307, asHTML, text, "Location", "https://gitlab.example.com/api/v4/job?private_token=x"))
	for _, r := range []request{getJob, {nil, "GET", getJob.path + "/"}} {
		ours := gw.url + "/api/v4/job"
		if got := r.overREST(t, gw); got.header.Get("Location") != ours || got.body != "see "+ours+" and again "+ours {
			t.Errorf("%v", got)
		}
	}
	if got := (request{nil, "HEAD", getJob.path}).overREST(t, gw); got.status != 307 || got.header.Get("Content-Length") != "" {
		t.Errorf("HEAD: %v", got)
	}
	elsewhere := "https://elsewhere.example.com/api/v4" + getJob.path
	gw = newGateway(t, answer(302, asHTML, elsewhere, "Location", elsewhere))
	if got := getJob.overREST(t, gw); got.header.Get("Location") != elsewhere || got.body != elsewhere {
		t.Errorf("a redirect to the same path: %v", got)
	}
}
