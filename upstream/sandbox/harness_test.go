package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	api     = "/api/v4"
	widgets = api + "/projects/1"
	mainPL  = widgets + "/pipelines/100"
)

// clock is a time that only tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newClock() *clock { return &clock{time.Date(2026, 3, 4, 10, 22, 40, 180e6, time.UTC)} }

// newBox is a sandbox on a clock of its own.
func newBox(opts ...sandbox.Option) (*sandbox.Sandbox, *clock) {
	c := newClock()
	return sandbox.New(append([]sandbox.Option{sandbox.WithClock(c.Now)}, opts...)...), c
}

type change func(*http.Request)

func header(name, value string) change {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func add(name, value string) change {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func as(token string) change       { return header("PRIVATE-TOKEN", token) }
func bearer(token string) change   { return header("Authorization", "Bearer "+token) }
func jobToken(token string) change { return header("JOB-TOKEN", token) }

func nobody(*http.Request) {}

var maintainer, developer = as(sandbox.TokenMaintainer), as(sandbox.TokenDeveloper)

// send makes one call in process.
func send(h http.Handler, method, target string, changes ...change) *httptest.ResponseRecorder {
	return sendBody(h, method, target, "", "", changes...)
}

func sendBody(h http.Handler, method, target, kind, body string, changes ...change) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for _, c := range changes {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d; body %s", w.Code, status, w.Body)
	}
}

func wantBody(t *testing.T, w *httptest.ResponseRecorder, body string) {
	t.Helper()
	if diff := cmp.Diff(body, w.Body.String()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func wantHeader(t *testing.T, w *httptest.ResponseRecorder, name, value string) {
	t.Helper()
	if got := w.Header().Get(name); got != value {
		t.Errorf("%s: %q, want %q", name, got, value)
	}
}

func wantNoHeader(t *testing.T, w *httptest.ResponseRecorder, names ...string) {
	t.Helper()
	for _, name := range names {
		if values, ok := w.Header()[http.CanonicalHeaderKey(name)]; ok {
			t.Errorf("%s is there: %q", name, values)
		}
	}
}

// object reads a JSON object, numbers kept as text.
func object(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var out map[string]any
	decodeJSON(t, w.Body.String(), &out)
	return out
}

func list(t *testing.T, w *httptest.ResponseRecorder) []map[string]any {
	t.Helper()
	wantStatus(t, w, http.StatusOK)
	var out []map[string]any
	decodeJSON(t, w.Body.String(), &out)
	return out
}

func decodeJSON(t *testing.T, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}

func ids(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	out := []string{}
	for _, j := range list(t, w) {
		out = append(out, fmt.Sprint(j["id"]))
	}
	return out
}

func jobURL(id int64, action ...string) string {
	return strings.Join(append([]string{fmt.Sprintf("%s/jobs/%d", widgets, id)}, action...), "/")
}

// status asks for a job's status.
func status(t *testing.T, h http.Handler, id int64) string {
	t.Helper()
	return fmt.Sprint(object(t, send(h, "GET", jobURL(id), maintainer))["status"])
}

// exchange is one call and its whole answer, the common row of the tables.
type exchange struct {
	method, target string
	kind, body     string
	as             []change
	status         int
	want           string // exact body; empty: not compared
}

// runAll runs each case against a sandbox of its own.
func runAll(t *testing.T, cases map[string]exchange, opts ...sandbox.Option) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sb, _ := newBox(opts...)
			w := sendBody(sb, tc.method, tc.target, tc.kind, tc.body, tc.as...)
			wantStatus(t, w, tc.status)
			if tc.want != "" {
				wantBody(t, w, tc.want)
			}
		})
	}
}

func by(changes ...change) []change { return changes }
