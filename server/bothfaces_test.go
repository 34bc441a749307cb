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
