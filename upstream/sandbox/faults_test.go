package sandbox_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire serves a sandbox over loopback and calls it without keeping connections.
type wire struct {
	sb     *sandbox.Sandbox
	srv    *httptest.Server
	client *http.Client
}

func newWire(t *testing.T, opts ...sandbox.Option) *wire {
	t.Helper()
	sb, _ := newBox(opts...)
	srv := httptest.NewServer(sb)
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	t.Cleanup(srv.Close)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &wire{sb, srv, &http.Client{Transport: transport, CheckRedirect: stay}}
}

func (w *wire) get(ctx context.Context, t *testing.T, target string, changes ...change) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.srv.URL+target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("PRIVATE-TOKEN", sandbox.TokenMaintainer)
	for _, c := range changes {
		c(r)
	}
	return w.client.Do(r)
}

// answer is what one call got: as much of the body as came before err.
type answer struct {
	code   int
	header http.Header
	length int64
	body   []byte
}

// fetch arms a fault and reads the whole answer to one call.
func fetch(t *testing.T, target string, f sandbox.Fault) (answer, error) {
	t.Helper()
	w := newWire(t)
	w.sb.Fail(sandbox.Match{}, f)
	resp, err := w.get(t.Context(), t, target)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, resp.ContentLength, body}, err
}

func TestFaultsThatAnswer(t *testing.T) {
	job, jobs := jobURL(sandbox.JobSuccess), widgets+"/jobs?per_page=1"
	for name, tc := range map[string]struct {
		fault  sandbox.Fault
		target string
		status int
		header map[string]string
		body   string // prefix
	}{
		"latency":                        {sandbox.Fault{Kind: sandbox.Latency, Delay: sandbox.Duration(time.Millisecond)}, job, 200, nil, `{"id":101`},
		"500":                            {sandbox.Fault{Kind: sandbox.StatusFault}, job, 500, nil, ""},
		"502 HTML":                       {sandbox.Fault{Kind: sandbox.StatusFault, Status: 502, Body: "<html>"}, job, 502, map[string]string{"Content-Type": "text/html"}, "<html>"},
		"503 JSON":                       {sandbox.Fault{Kind: sandbox.StatusFault, Status: 503, Body: `{"message":"x"}`, Header: map[string]string{"Retry-After": "7"}}, job, 503, map[string]string{"Content-Type": "application/json", "Retry-After": "7"}, `{"message":"x"}`},
		"5/429 JSON":                     {sandbox.Fault{Kind: sandbox.TooManyJSON}, job, 429, map[string]string{"Retry-After": ""}, `{"message":{"error":"This endpoint`},
		"5/429 text":                     {sandbox.Fault{Kind: sandbox.TooManyText}, job, 429, map[string]string{"Retry-After": "60", "RateLimit-Remaining": "0", "Content-Type": "text/plain"}, "Retry later\n"},
		"5/429 text without Retry-After": {sandbox.Fault{Kind: sandbox.TooManyText, NoRetryAfter: true}, job, 429, map[string]string{"Retry-After": ""}, "Retry later\n"},
		"429 HTML":                       {sandbox.Fault{Kind: sandbox.TooManyHTML}, job, 429, map[string]string{"Retry-After": "60", "Content-Type": "text/html"}, "<html>"},
		"wrong content type":             {sandbox.Fault{Kind: sandbox.WrongContentType}, job, 200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, `{"id":101`},
		"object as array":                {sandbox.Fault{Kind: sandbox.WrongShape}, job, 200, nil, `[{"id":101`},
		"array as object":                {sandbox.Fault{Kind: sandbox.WrongShape}, jobs, 200, nil, `{"jobs":[{`},
		"redirect":                       {sandbox.Fault{Kind: sandbox.Redirect}, job, 302, map[string]string{"Location": "https://elsewhere.example.com" + job}, ""},
		"rewritten log":                  {sandbox.Fault{Kind: sandbox.RewrittenLog}, job + "/trace", 200, nil, "\x1b[0KRewritten by the sandbox"},
		"rewritten log, sliced":          {sandbox.Fault{Kind: sandbox.RewrittenLog, Body: "0123"}, job + "/trace?byte_offset=2", 200, nil, "23"},
		"slices ignored":                 {sandbox.Fault{Kind: sandbox.NoSlices}, job + "/trace?byte_offset=9", 200, nil, "\x1b[0KRunning with"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fetch(t, tc.target, tc.fault)
			if err != nil {
				t.Fatal(err)
			}
			if got.code != tc.status || !strings.HasPrefix(string(got.body), tc.body) {
				t.Errorf("%d %.60q", got.code, got.body)
			}
			for key, want := range tc.header {
				if got := got.header.Get(key); got != want {
					t.Errorf("%s: %q, want %q", key, got, want)
				}
			}
		})
	}
}

func TestFaultsThatBreak(t *testing.T) {
	job := jobURL(sandbox.JobSuccess)
	t.Run("reset before the reply", func(t *testing.T) {
		if _, err := fetch(t, job, sandbox.Fault{Kind: sandbox.ResetBeforeReply}); err == nil {
			t.Error("no error")
		}
	})
	t.Run("reset in the body", func(t *testing.T) {
		if got, err := fetch(t, job, sandbox.Fault{Kind: sandbox.ResetMidBody, After: 10}); err == nil {
			t.Errorf("no error after %q", got.body)
		}
	})
	t.Run("short body", func(t *testing.T) {
		got, err := fetch(t, job, sandbox.Fault{Kind: sandbox.ShortBody})
		if !errors.Is(err, io.ErrUnexpectedEOF) || got.length != int64(len(got.body))+1000 {
			t.Errorf("%v after %d bytes", err, len(got.body))
		}
	})
	for name, row := range map[string]struct{ target, asked, want string }{
		"a whole log":        {job + "/trace", "", "0123"},
		"a part of a log":    {job + "/trace?byte_offset=2", "", "2345"},
		"a part of by Range": {job + "/trace", "bytes=3-8", "3456"},
	} {
		for kind, reason := range map[sandbox.FaultKind]error{sandbox.ShortBody: io.ErrUnexpectedEOF, sandbox.ResetMidBody: syscall.ECONNRESET} {
			t.Run(string(kind)+" of "+name, func(t *testing.T) {
				w := newWire(t, sandbox.WithRangeFront())
				w.sb.SetTrace(sandbox.JobSuccess, []byte("0123456789"))
				w.sb.Fail(sandbox.Match{}, sandbox.Fault{Kind: kind, After: 4})
				resp, err := w.get(t.Context(), t, row.target, header("Range", row.asked))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				got, err := io.ReadAll(resp.Body)
				if !errors.Is(err, reason) || kind == sandbox.ShortBody && string(got) != row.want || resp.ContentLength <= 4 {
					t.Errorf("%q of %d bytes, %v", got, resp.ContentLength, err)
				}
			})
		}
	}
	t.Run("cut JSON", func(t *testing.T) {
		got, err := fetch(t, job, sandbox.Fault{Kind: sandbox.CutJSON, After: 20})
		if err != nil || len(got.body) != 20 || json.Valid(got.body) {
			t.Errorf("%v, %q", err, got.body)
		}
	})
	t.Run("gzip bomb", func(t *testing.T) {
		got, err := fetch(t, job, sandbox.Fault{Kind: sandbox.GzipBomb, Size: 8 << 20})
		if err != nil || got.header.Get("Content-Encoding") != "gzip" || len(got.body) > 64<<10 {
			t.Fatalf("%v, %d bytes", err, len(got.body))
		}
		zip, err := gzip.NewReader(bytes.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, zip); n != 8<<20 || err != nil {
			t.Errorf("inflates to %d bytes, %v", n, err)
		}
	})
}

// Hangs and endless bodies end with the client, and leave nothing behind.
func TestFaultsThatWait(t *testing.T) {
	job := jobURL(sandbox.JobSuccess)
	short := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for name, f := range map[string]sandbox.Fault{
		"hang before the header": {Kind: sandbox.HangBeforeHeader},
		"latency":                {Kind: sandbox.Latency, Delay: sandbox.Duration(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			w.sb.Fail(sandbox.Match{}, f)
			resp, err := w.get(short(t), t, job)
			if err == nil {
				defer resp.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("hang after the header", func(t *testing.T) {
		w := newWire(t)
		w.sb.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.HangAfterHeader, After: 7})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := w.get(ctx, t, job)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		head := make([]byte, 7)
		if _, err := io.ReadFull(resp.Body, head); err != nil || string(head) != `{"id":1` {
			t.Errorf("%q, %v", head, err)
		}
		cancel()
		if rest, err := io.ReadAll(resp.Body); err == nil || len(rest) > 0 {
			t.Errorf("then %q, %v", rest, err)
		}
	})
	t.Run("endless body", func(t *testing.T) {
		w := newWire(t)
		w.sb.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.EndlessBody})
		resp, err := w.get(t.Context(), t, job)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if n, err := io.CopyN(io.Discard, resp.Body, 4<<20); err != nil {
			t.Errorf("ends after %d bytes: %v", n, err)
		}
	})
}

func TestFaultsStrikeWhereTheyShould(t *testing.T) {
	code := func(sb *sandbox.Sandbox, target string, changes ...change) int {
		return send(sb, "GET", target, changes...).Code
	}
	fault := func(times, skip int) sandbox.Fault {
		return sandbox.Fault{Kind: sandbox.StatusFault, Status: 502, Times: times, Skip: skip}
	}
	job, trace := jobURL(sandbox.JobSuccess), jobURL(sandbox.JobSuccess, "trace")
	for name, tc := range map[string]struct {
		match sandbox.Match
		fault sandbox.Fault
		ask   []string
		want  []int
	}{
		"times":  {sandbox.Match{}, fault(2, 0), []string{job, job, job}, []int{502, 502, 200}},
		"skip":   {sandbox.Match{}, fault(1, 1), []string{job, job, job}, []int{200, 502, 200}},
		"route":  {sandbox.Match{Route: sandbox.RouteTrace}, fault(0, 0), []string{job, trace, trace}, []int{200, 502, 502}},
		"path":   {sandbox.Match{Path: "/jobs/101"}, fault(0, 0), []string{job, widgets + "/jobs"}, []int{502, 200}},
		"method": {sandbox.Match{Method: "POST"}, fault(0, 0), []string{job}, []int{200}},
		"token":  {sandbox.Match{Token: sandbox.TokenDeveloper}, fault(0, 0), []string{job}, []int{200}},
		"my own": {sandbox.Match{Token: sandbox.TokenMaintainer}, fault(0, 0), []string{job}, []int{502}},
	} {
		t.Run(name, func(t *testing.T) {
			sb, _ := newBox()
			sb.Fail(tc.match, tc.fault)
			for i, target := range tc.ask {
				if got := code(sb, target, maintainer); got != tc.want[i] {
					t.Errorf("call %d: %d, want %d", i, got, tc.want[i])
				}
			}
			sb.ClearFaults()
			if got := code(sb, job, maintainer); got != 200 {
				t.Errorf("cleared: %d", got)
			}
		})
	}
}

// A write that was answered with a reset was done, unless the fault says Unhandled.
func TestFaultsOnWrites(t *testing.T) {
	for name, tc := range map[string]struct {
		fault sandbox.Fault
		want  string
	}{
		"reset after it was done":  {sandbox.Fault{Kind: sandbox.ResetBeforeReply}, "pending"},
		"reset before it was done": {sandbox.Fault{Kind: sandbox.ResetBeforeReply, Unhandled: true}, "manual"},
		"503 is not handled":       {sandbox.Fault{Kind: sandbox.StatusFault, Status: 503}, "manual"},
		"429 is not handled":       {sandbox.Fault{Kind: sandbox.TooManyText}, "manual"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			w.sb.Fail(sandbox.Match{}, tc.fault)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.srv.URL+jobURL(sandbox.JobManual, "play"), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("PRIVATE-TOKEN", sandbox.TokenDeveloper)
			if resp, err := w.client.Do(r); err == nil {
				_ = resp.Body.Close()
			}
			w.sb.ClearFaults()
			if got := status(t, w.sb, sandbox.JobManual); got != tc.want {
				t.Errorf("the job is %s, want %s", got, tc.want)
			}
			if n := len(w.sb.Requests()); n != 2 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}
