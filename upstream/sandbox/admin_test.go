package sandbox_test

import (
	"bufio"
	"bytes"
	"net/http/httptest"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestAdmin(t *testing.T) {
	sb, _ := newBox()
	admin := func(method, path, body string) *httptest.ResponseRecorder {
		return sendBody(sb, method, "/-/sandbox/"+path, jsonType, body)
	}
	wantStatus(t, admin("POST", "faults", `{"match":{"route":"job"},"fault":{"kind":"status","status":502,"delay":"1ms","times":2}}`), 204)
	wantStatus(t, send(sb, "GET", jobURL(sandbox.JobSuccess), maintainer), 502)
	wantStatus(t, admin("DELETE", "faults", ""), 204)
	wantStatus(t, send(sb, "GET", jobURL(sandbox.JobSuccess), maintainer), 200)
	for _, bad := range []string{"{", `{"fault":{"kind":"earthquake"}}`, `{"fault":{"kind":"status","delay":"x"}}`, `{"typo":1}`, `{"match":{"route":"nope"},"fault":{"kind":"status"}}`} {
		wantStatus(t, admin("POST", "faults", bad), 400)
	}
	wantStatus(t, admin("GET", "nothing", ""), 404)
	send(sb, "POST", jobURL(sandbox.JobManual, "play"), maintainer)
	var state struct {
		Projects []struct{ Path string }
		Jobs     []struct {
			ID     int64
			Status string
		}
		Tokens   []struct{ Token string }
		Requests int
	}
	w := admin("GET", "state", "")
	decodeJSON(t, w.Body.String(), &state)
	if len(state.Projects) != 11 || len(state.Jobs) < 150 || len(state.Tokens) < 20 || state.Requests != 3 {
		t.Errorf("state: %d projects, %d jobs, %d tokens, %d requests",
			len(state.Projects), len(state.Jobs), len(state.Tokens), state.Requests)
	}
	if lines := bufio.NewScanner(bytes.NewReader(w.Body.Bytes())); !lines.Scan() || lines.Text() != "{" {
		t.Error("state is not laid out for people")
	}
	wantStatus(t, admin("POST", "reset", ""), 204)
	if got := status(t, sb, sandbox.JobManual); got != "manual" {
		t.Errorf("after the reset %s", got)
	}
}

// TestAdminOfJobs: tests in other languages change logs and states as those in Go do.
func TestAdminOfJobs(t *testing.T) {
	sb, _ := newBox()
	admin := func(method, path, body string, status int) {
		t.Helper()
		wantStatus(t, sendBody(sb, method, "/-/sandbox/jobs/"+path, "", body), status)
	}
	read := func(want string) {
		t.Helper()
		wantBody(t, send(sb, "GET", jobURL(sandbox.JobRunning, "trace"), maintainer), want)
	}
	admin("PUT", "103/trace", "one\xff\n", 204)
	read("one\xff\n")
	admin("POST", "103/trace", "two\n", 204)
	read("one\xff\ntwo\n")
	admin("DELETE", "103/trace?size=3", "", 204)
	read("one")
	admin("DELETE", "103/trace?size=99", "", 204)
	read("one")
	admin("PUT", "103/status", "failed\n", 204)
	if got := status(t, sb, sandbox.JobRunning); got != "failed" {
		t.Errorf("the job is %s", got)
	}
	admin("DELETE", "103/trace", "", 204)
	read("")
	if job := object(t, send(sb, "GET", jobURL(sandbox.JobRunning), maintainer)); job["erased_at"] == nil {
		t.Errorf("erased, the job is %v", job)
	}
	admin("PUT", "103/status", "finished", 400)
	admin("DELETE", "103/trace?size=x", "", 400)
	admin("DELETE", "103/trace?size=-1", "", 400)
	for _, unknown := range []string{"9999/trace", "x/trace", "103/log", "103", ""} {
		admin("PUT", unknown, "", 404)
	}
	admin("GET", "103/trace", "", 404)
	admin("PUT", "9999/status", "failed", 404)
}
