package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestLiveJobs(t *testing.T) {
	sb, clk := newBox()
	born := clk.now
	for _, tc := range []struct {
		at         time.Duration
		live, fail string
	}{
		{0, "created", "created"},
		{5 * time.Second, "pending", "created"},
		{8 * time.Second, "pending", "pending"},
		{10 * time.Second, "running", "pending"},
		{15 * time.Second, "running", "running"},
		{70 * time.Second, "success", "running"},
		{100 * time.Second, "success", "failed"},
	} {
		clk.now = born.Add(tc.at)
		got := []string{status(t, sb, sandbox.JobLive), status(t, sb, sandbox.JobLiveFailed)}
		if diff := cmp.Diff([]string{tc.live, tc.fail}, got); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", tc.at, diff)
		}
	}
	job := object(t, send(sb, "GET", jobURL(sandbox.JobLive), maintainer))
	if d := fmt.Sprint(job["duration"]); d != "60.0" {
		t.Errorf("1 duration %s", d)
	}
	if len(job["artifacts"].([]any)) != 4 || job["artifacts_expire_at"] == nil {
		t.Errorf("8.2 artifacts %v", job["artifacts"])
	}
	clk.now = born.Add(20 * time.Hour)
	if got := status(t, sb, sandbox.JobRunning); got != "running" {
		t.Errorf("the long job is %s", got)
	}
}

func TestDurationGrows(t *testing.T) {
	sb, clk := newBox()
	read := func() string {
		return fmt.Sprint(object(t, send(sb, "GET", jobURL(sandbox.JobRunning), maintainer))["duration"])
	}
	before := read()
	clk.advance(time.Second)
	if after := read(); after == before {
		t.Errorf("8.1 duration stays %s", after)
	}
}

// Equal seeds, clocks and requests give equal answers; another seed gives others.
func TestDeterminism(t *testing.T) {
	run := func(seed uint64) []string {
		sb, clk := newBox(sandbox.WithSeed(seed))
		var out []string
		for _, target := range []string{"/jobs?per_page=100", "/jobs/103/trace", "/pipelines/100/bridges"} {
			w := send(sb, "GET", widgets+target, maintainer)
			out = append(out, w.Body.String(), fmt.Sprint(w.Header()))
			send(sb, "POST", jobURL(sandbox.JobManual, "play"), maintainer)
			clk.advance(30 * time.Second)
		}
		return out
	}
	one, again, other := run(7), run(7), run(8)
	if diff := cmp.Diff(one, again); diff != "" {
		t.Errorf("the same seed differs:\n%s", diff)
	}
	if slices.Equal(one, other) {
		t.Error("another seed is the same")
	}
}

func TestFrozenClockAndReset(t *testing.T) {
	sb, _ := newBox()
	before := send(sb, "GET", jobURL(sandbox.JobManual), maintainer).Body.String()
	send(sb, "POST", jobURL(sandbox.JobManual, "play"), maintainer)
	sb.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.StatusFault})
	sb.Reset()
	if len(sb.Requests()) != 0 {
		t.Error("Reset keeps requests")
	}
	wantBody(t, send(sb, "GET", jobURL(sandbox.JobManual), maintainer), before)
	if got := status(t, sb, sandbox.JobLive); got != "created" {
		t.Errorf("time passed: %s", got)
	}
}

func TestRequests(t *testing.T) {
	sb, _ := newBox()
	sendBody(sb, "POST", api+"/projects/acme%2Fwidgets/jobs/104/play?a=1", jsonType, `{"b":2}`, developer)
	send(sb, "GET", "/-/sandbox/state")
	got := sb.Requests()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	r := got[0]
	want := sandbox.Request{
		Method: "POST", Host: "example.com", Path: api + "/projects/acme%2Fwidgets/jobs/104/play",
		Query: "a=1", Header: http.Header{"Content-Type": {jsonType}, "Private-Token": {sandbox.TokenDeveloper}},
		Body: []byte(`{"b":2}`), Params: map[string]any{"a": "1", "b": json.Number("2")},
		Caller: &sandbox.Caller{Kind: sandbox.KindAccessToken, Token: sandbox.TokenDeveloper},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	send(sb, "GET", "http://gitlab.example.com/x%2Fy?a=1")
	if r := sb.Requests()[1]; r.Path != "/x%2Fy" || r.Query != "a=1" {
		t.Errorf("of a whole URL: path %q, query %q", r.Path, r.Query)
	}
	for range 5000 {
		send(sb, "GET", "/x")
	}
	if n := len(sb.Requests()); n < 3000 || n > 4096 {
		t.Errorf("%d requests are kept", n)
	}
}

func TestAddJob(t *testing.T) {
	sb, clk := newBox()
	first := sb.AddJob(sandbox.NewJob{Name: "mine", Token: "glcbt-mine", User: "ben", Steps: []sandbox.Step{
		{Status: "running"}, {After: 10 * time.Second, Status: "failed"},
	}, FailureReason: "api_failure"})
	second := sb.AddJob(sandbox.NewJob{Manual: true, Steps: []sandbox.Step{{Status: "manual"}}, Log: []byte("x")})
	if second != first+1 {
		t.Errorf("ids %d and %d", first, second)
	}
	wantStatus(t, send(sb, "GET", api+"/job", jobToken("glcbt-mine")), 200)
	clk.advance(10 * time.Second)
	job := object(t, send(sb, "GET", jobURL(first), maintainer))
	if job["failure_reason"] != "api_failure" || job["name"] != "mine" {
		t.Errorf("%v", job)
	}
	wantStatus(t, send(sb, "POST", jobURL(second, "play"), developer), 200)
	sb.SetStatus(second, "canceled")
	if got := status(t, sb, second); got != "canceled" {
		t.Errorf("SetStatus: %s", got)
	}
	wantBody(t, send(sb, "GET", jobURL(second, "trace"), developer), "x")
	bridge := sb.AddJob(sandbox.NewJob{Bridge: true, Steps: []sandbox.Step{{Status: "pending"}}})
	has(t, ids(t, send(sb, "GET", mainPL+"/bridges", developer)), bridge, true)
	defer func() {
		if recover() == nil {
			t.Error("AddJob takes an id twice")
		}
	}()
	sb.AddJob(sandbox.NewJob{ID: first})
}

// Of many retries at once, one succeeds.
func TestConcurrentUse(t *testing.T) {
	sb := sandbox.New()
	var wg sync.WaitGroup
	var retried atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				send(sb, "GET", widgets+"/jobs", maintainer)
				send(sb, "GET", jobURL(sandbox.JobRunning, "trace"), maintainer)
				if send(sb, "POST", jobURL(sandbox.JobFailed, "retry"), developer).Code == http.StatusCreated {
					retried.Add(1)
				}
				sb.GrowTrace(sandbox.JobDeploy, []byte{byte(i)})
				sb.Requests()
			}
		})
	}
	wg.Wait()
	if n := retried.Load(); n != 1 {
		t.Errorf("%d retries of one job succeeded", n)
	}
}

// Whatever stands in a query, the answer is one of GitLab's, and its links stay on its host.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"scope[]=failed&page=2", "scope[a][][b]=c&[=1", "pagination=keyset&cursor=eyJpZCI6IjEifQ==",
		"per_page=-9223372036854775808&page=9223372036854775807", "a%ZZ=1&job_variables_attributes[][key]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		sb, _ := newBox()
		for _, target := range []string{widgets + "/jobs", mainPL + "/bridges"} {
			r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
			r.URL.RawQuery = query
			r.Header.Set("PRIVATE-TOKEN", sandbox.TokenMaintainer)
			w := httptest.NewRecorder()
			sb.ServeHTTP(w, r)
			if !json.Valid(w.Body.Bytes()) && w.Body.String() != "Bad Request" {
				t.Errorf("%d %q", w.Code, w.Body)
			}
			link := w.Header().Get("Link")
			if link != "" && !strings.HasPrefix(link, "<"+sandbox.DefaultURL+api+"/") || strings.ContainsAny(link, "\r\n") {
				t.Errorf("Link %q", link)
			}
		}
	})
}
