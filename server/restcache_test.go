package server

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// The gateway asks with validators of its own, answers the whole to a caller without one,
// and 304 to a caller who has it; contract section 6.
func TestConditionalRequests(t *testing.T) {
	gw, box := newSandbox(t)
	me := []string{"Private-Token", sandbox.TokenMaintainer}
	path := "/projects/1/jobs?per_page=50"
	first := ask(t, gw.url, "GET", path, me...)
	etag := first.header.Get("ETag")
	for range 4 {
		if got := ask(t, gw.url, "GET", path, me...); got.status != 200 || got.body != first.body || got.header.Get("ETag") != etag {
			t.Fatalf("%d, %d bytes, %s", got.status, len(got.body), got.header.Get("ETag"))
		}
	}
	requests := box.Requests()
	if last := requests[len(requests)-1]; last.Header.Get("If-None-Match") != etag {
		t.Errorf("GitLab is not asked to confirm: %v", last.Header)
	}
	for _, given := range []string{etag, strings.TrimPrefix(etag, "W/"), `"x", ` + etag, "*"} {
		got := ask(t, gw.url, "GET", path, append(me, "If-None-Match", given)...)
		if got.status != 304 || got.body != "" || got.header.Get("ETag") != etag || got.header.Get("Content-Type") != "" {
			t.Errorf("%s: %d %.100q %v", given, got.status, got.body, got.header)
		}
		if got.header.Get("X-Request-Id") == first.header.Get("X-Request-Id") {
			t.Error("the header is that of an earlier answer")
		}
	}
	requests = box.Requests()
	for _, r := range requests {
		if given := r.Header.Get("If-None-Match"); given != "" && given != etag {
			t.Errorf("the caller's own %s reached GitLab", given)
		}
	}
	if got := ask(t, gw.url, "GET", path, append(me, "If-None-Match", `"other"`)...); got.status != 200 || got.body != first.body {
		t.Errorf("another validator: %d", got.status)
	}
	if got := ask(t, gw.url, "HEAD", path, append(me, "If-None-Match", etag)...); got.status != 304 {
		t.Errorf("HEAD: %d", got.status)
	}
	if got := ask(t, gw.url, "POST", "/projects/1/jobs/101/cancel", append(me, "If-None-Match", "*")...); got.status != 201 || got.body == "" {
		t.Errorf("POST: %d %q", got.status, got.body)
	}
}

// No credential gets what another one was answered, and a dead one gets nothing.
func TestCacheIsPerCredential(t *testing.T) {
	gw, box := newSandbox(t)
	const path = "/projects/1/jobs/101"
	for range 3 {
		if got := ask(t, gw.url, "GET", path, "Private-Token", sandbox.TokenMaintainer); got.status != 200 {
			t.Fatal(got)
		}
	}
	for name, header := range map[string][]string{
		"nobody": nil, "a stranger": {"Private-Token", sandbox.TokenOutsider}, "an unknown token": {"Private-Token", canary},
		"as another": {"Private-Token", sandbox.TokenMaintainer, "Sudo", "root"},
	} {
		if got := ask(t, gw.url, "GET", path, append(header, "If-None-Match", "*")...); got.status < 400 || strings.Contains(got.body, "pipeline") {
			t.Errorf("%s: %d %.100s", name, got.status, got.body)
		}
	}
	if !box.Revoke(sandbox.TokenMaintainer) {
		t.Fatal("no such token")
	}
	for range 2 {
		if got := ask(t, gw.url, "GET", path, "Private-Token", sandbox.TokenMaintainer); got.status != 401 || strings.Contains(got.body, "pipeline") {
			t.Errorf("after revocation: %d %.100s", got.status, got.body)
		}
	}
}

// Answers from the cache and not, over both faces at once, are all GitLab's.
func TestCachedAnswersUnderLoad(t *testing.T) {
	gw, _ := newSandbox(t)
	paths := []string{"/projects/1/jobs?per_page=100", "/projects/1/jobs?per_page=20", "/projects/1/jobs/101", "/projects/1/pipelines/100/bridges"}
	want := map[string]string{}
	for _, path := range paths {
		want[path] = ask(t, gw.url, "GET", path, "Private-Token", sandbox.TokenMaintainer).body
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 24 {
				path := paths[(i+j)%len(paths)]
				if got := ask(t, gw.url, "GET", path, "Private-Token", sandbox.TokenMaintainer); got.body != want[path] {
					t.Errorf("%s: %d bytes, want %d", path, len(got.body), len(want[path]))
				}
				if err := get("1", sandbox.JobSuccess)(as(t, sandbox.TokenMaintainer), gw); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// Lists are asked for by the route that the caller used.
func TestBridgesByBothRoutes(t *testing.T) {
	gw, box := newSandbox(t)
	for _, word := range []string{"trigger_jobs", "bridges", "trigger_jobs"} {
		if got := ask(t, gw.url, "GET", "/projects/1/pipelines/100/"+word, "Private-Token", sandbox.TokenMaintainer); got.status != 200 {
			t.Errorf("%s: %d", word, got.status)
		}
		requests := box.Requests()
		if path := requests[len(requests)-1].Path; !strings.HasSuffix(path, "/"+word) {
			t.Errorf("asked %s", path)
		}
	}
}

// A moved project: the redirect comes back with our address, and is not followed.
func TestMovedProjectOverREST(t *testing.T) {
	gw, box := newSandbox(t)
	old := strings.ReplaceAll(sandbox.ProjectGadgetsOld, "/", "%2F")
	path := "/projects/" + old + "/jobs/" + itoa(sandbox.JobGadgets)
	got := ask(t, gw.url, "GET", path+"?private_token="+sandbox.TokenDeveloper)
	want := gw.url + "/api/v4/projects/4/jobs/" + itoa(sandbox.JobGadgets)
	if got.status != 301 || got.header.Get("Location") != want || got.body != "This resource has been moved permanently to "+want {
		t.Errorf("%d %s %q", got.status, got.header.Get("Location"), got.body)
	}
	if n := len(box.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
	got = ask(t, gw.url, "POST", path+"/cancel", "Private-Token", sandbox.TokenDeveloper)
	if got.status != 405 || got.body != `{"message":"Non GET methods are not allowed for moved projects"}` {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// An answer that no message can hold, and that is JSON, comes back as it is: a later
// GitLab may answer in another shape.
func TestAnswersOfAnotherShape(t *testing.T) {
	for body, status := range map[string]int{`{"jobs":[]}`: 200, `"done"`: 202, ``: 204, `[null]`: 200} {
		gw := newGateway(t, answer(status, asJSON, body), upstream.WithCache(0))
		path, method := "/projects/1/jobs", http.MethodGet
		if status > 200 {
			path, method = "/projects/1/jobs/7/erase", http.MethodPost
		}
		if got := ask(t, gw.url, method, path); got.status != status || got.body != body {
			t.Errorf("%d %q became %d %q", status, body, got.status, got.body)
		}
	}
}
