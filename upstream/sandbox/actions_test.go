package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// id reads the id of a job that an action answered with.
func id(t *testing.T, job map[string]any) int64 {
	t.Helper()
	return int64(number(t, fmt.Sprint(job["id"])))
}

func TestCancel(t *testing.T) {
	for name, tc := range map[string]struct {
		job   int64
		query string
		want  string
		later string // a minute after
	}{
		"7.8 created":                        {sandbox.JobCreated, "", "canceled", "canceled"},
		"7.8 waiting_for_resource":           {sandbox.JobWaitingForResource, "", "canceled", "canceled"},
		"7.8 preparing":                      {sandbox.JobPreparing, "", "canceled", "canceled"},
		"7.8 waiting_for_callback":           {sandbox.JobWaitingForCallback, "", "canceled", "canceled"},
		"7.8 pending":                        {sandbox.JobPending, "", "canceled", "canceled"},
		"7.8 running, graceful runner":       {sandbox.JobRunning, "", "canceling", "canceled"},
		"7.8 running, abrupt runner":         {sandbox.JobRunningAbrupt, "", "canceled", "canceled"},
		"7.8 manual":                         {sandbox.JobManual, "", "canceled", "canceled"},
		"7.8 scheduled":                      {sandbox.JobScheduled, "", "canceled", "canceled"},
		"7.8 canceling is 201 unchanged":     {sandbox.JobCanceling, "", "canceling", "canceling"},
		"7.8 finished job is 201 unchanged":  {sandbox.JobSuccess, "", "success", "success"},
		"7.8 failed is 201 unchanged":        {sandbox.JobFailed, "", "failed", "failed"},
		"7.8 skipped is 201 unchanged":       {sandbox.JobSkipped, "", "skipped", "skipped"},
		"7.8 force ends canceling":           {sandbox.JobCanceling, "?force=true", "canceled", "canceled"},
		"7.8 force does nothing to running":  {sandbox.JobRunning, "?force=true", "running", "running"},
		"7.8 force=false is an ordinary one": {sandbox.JobPending, "?force=false", "canceled", "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			sb, clk := newBox()
			w := send(sb, "POST", jobURL(tc.job, "cancel")+tc.query, maintainer)
			wantStatus(t, w, 201)
			if got := object(t, w)["status"]; got != tc.want {
				t.Errorf("status %v, want %s", got, tc.want)
			}
			clk.advance(time.Minute)
			if got := status(t, sb, tc.job); got != tc.later {
				t.Errorf("a minute later %s, want %s", got, tc.later)
			}
		})
	}
	runAll(t, map[string]exchange{
		"7.8 bridge":                      {method: "POST", target: jobURL(sandbox.JobBridgeRunning, "cancel"), as: by(maintainer), status: 404},
		"7.8 ability before look-up":      {method: "POST", target: jobURL(999999, "cancel"), as: by(as(sandbox.TokenReporter)), status: 403},
		"7.8 look-up with the ability":    {method: "POST", target: jobURL(999999, "cancel"), as: by(developer), status: 404},
		"7.9 look-up before ability":      {method: "POST", target: jobURL(999999, "retry"), as: by(as(sandbox.TokenReporter)), status: 404},
		"7.9 inputs of a wrong type":      {method: "POST", target: jobURL(sandbox.JobFailed, "retry") + "?inputs=x", as: by(developer), status: 400, want: `{"error":"inputs is invalid"}`},
		"7.9 job_inputs is not read":      {method: "POST", target: jobURL(sandbox.JobFailed, "retry"), kind: jsonType, body: `{"job_inputs":{"foo":1}}`, as: by(developer), status: 201},
		"7.9 retried already":             {method: "POST", target: jobURL(sandbox.JobRetried, "retry"), as: by(developer), status: 403},
		"7.9 archived":                    {method: "POST", target: jobURL(sandbox.JobArchived, "retry"), as: by(developer), status: 403},
		"7.9 skipped":                     {method: "POST", target: jobURL(sandbox.JobSkipped, "retry"), as: by(developer), status: 403},
		"7.10 look-up before ability":     {method: "POST", target: jobURL(999999, "erase"), as: by(as(sandbox.TokenGuest)), status: 404},
		"7.10 bridge":                     {method: "POST", target: jobURL(sandbox.JobBridge, "erase"), as: by(maintainer), status: 404},
		"7.10 ability before erasability": {method: "POST", target: jobURL(sandbox.JobRunning, "erase"), as: by(as(sandbox.TokenReporter)), status: 403, want: `{"message":"403 Forbidden"}`},
		"7.10 neither log nor artifacts":  {method: "POST", target: jobURL(sandbox.JobSilent, "erase"), as: by(maintainer), status: 403, want: `{"message":"403 Forbidden - Job is not erasable!"}`},
		"7.10 erased already":             {method: "POST", target: jobURL(sandbox.JobErased, "erase"), as: by(maintainer), status: 403},
		"7.11 archived":                   {method: "POST", target: jobURL(sandbox.JobArchived, "play"), as: by(developer), status: 400},
		"7.11 not a manual job":           {method: "POST", target: jobURL(sandbox.JobSuccess, "play"), as: by(developer), status: 400},
		"7.11 bridge that is not manual":  {method: "POST", target: jobURL(sandbox.JobBridge, "play"), as: by(developer), status: 400},
		"7.11 inputs in order":            {method: "POST", target: jobURL(sandbox.JobInputs, "play"), kind: jsonType, body: `{"job_inputs":{"environment":"staging","dry_run":true}}`, as: by(developer), status: 200},
		"7.11 input of a wrong type":      {method: "POST", target: jobURL(sandbox.JobInputs, "play"), kind: jsonType, body: `{"job_inputs":{"dry_run":"x"}}`, as: by(developer), status: 400},
		"7.11 bridge ignores inputs":      {method: "POST", target: jobURL(sandbox.JobBridgeManual, "play"), kind: jsonType, body: `{"job_inputs":{"foo":1}}`, as: by(developer), status: 200},
		"7.11 variables of a wrong type":  {method: "POST", target: jobURL(sandbox.JobManual, "play") + "?job_variables_attributes=x", as: by(developer), status: 400, want: `{"error":"job_variables_attributes is invalid"}`},
	})
}

func TestRetry(t *testing.T) {
	sb, clk := newBox()
	w := send(sb, "POST", jobURL(sandbox.JobFailed, "retry"), developer)
	wantStatus(t, w, 201)
	fresh := object(t, w)
	newID := id(t, fresh)
	if newID <= sandbox.JobBig || fresh["status"] != "pending" || fresh["name"] != "lint" {
		t.Errorf("7.9 the new job: %v %v %v", fresh["id"], fresh["status"], fresh["name"])
	}
	if user, _ := fresh["user"].(map[string]any); user["username"] != "ben" {
		t.Errorf("7.9 user %v", user["username"])
	}
	if got := status(t, sb, sandbox.JobFailed); got != "failed" {
		t.Errorf("7.9 the old one is %s", got)
	}
	latest := ids(t, send(sb, "GET", mainPL+"/jobs?per_page=100", developer))
	has(t, latest, sandbox.JobFailed, false)
	has(t, latest, newID, true)
	for _, tc := range []struct {
		after time.Duration
		want  string
	}{{2 * time.Second, "pending"}, {time.Second, "running"}, {39 * time.Second, "running"}, {time.Second, "success"}} {
		clk.advance(tc.after)
		if got := status(t, sb, newID); got != tc.want {
			t.Errorf("7.9 later %s, want %s", got, tc.want)
		}
	}
	wantStatus(t, send(sb, "POST", jobURL(sandbox.JobFailed, "retry"), developer), 403)
}

func TestRetryOfABridge(t *testing.T) {
	sb, clk := newBox()
	fresh := object(t, send(sb, "POST", jobURL(sandbox.JobBridge, "retry"), developer))
	for member, want := range map[string]string{"tag_list": "[bridge]", "artifacts": "[]", "runner": "<nil>"} {
		if got := fmt.Sprint(fresh[member]); got != want {
			t.Errorf("7.9 %s is %s, want %s", member, got, want)
		}
	}
	for _, member := range []string{"runner_manager", "downstream_pipeline"} {
		if _, ok := fresh[member]; ok {
			t.Errorf("7.9 %s is there", member)
		}
	}
	clk.advance(time.Minute)
	for _, b := range list(t, send(sb, "GET", mainPL+"/bridges?scope=success", developer)) {
		if id(t, b) == id(t, fresh) && b["downstream_pipeline"] == nil {
			t.Error("7.9 the new bridge triggered nothing")
		}
	}
}

func TestErase(t *testing.T) {
	sb, _ := newBox()
	w := send(sb, "POST", jobURL(sandbox.JobSuccess, "erase"), maintainer)
	wantStatus(t, w, 201)
	erased := object(t, w)
	if erased["erased_at"] == nil || erased["artifacts_expire_at"] != nil || fmt.Sprint(erased["artifacts"]) != "[]" {
		t.Errorf("7.10 %v", erased)
	}
	if _, ok := erased["artifacts_file"]; ok {
		t.Error("7.10 artifacts_file is still there")
	}
	w = send(sb, "GET", jobURL(sandbox.JobSuccess, "trace"), maintainer)
	wantStatus(t, w, 200)
	wantBody(t, w, "")
	wantStatus(t, send(sb, "POST", jobURL(sandbox.JobSuccess, "erase"), maintainer), 403)
}

func TestPlay(t *testing.T) {
	for name, tc := range map[string]struct {
		job int64
		new bool
	}{
		"7.11 manual":                   {sandbox.JobManual, false},
		"7.11 scheduled":                {sandbox.JobScheduled, false},
		"7.11 finished makes a new job": {sandbox.JobManualDone, true},
		"7.11 manual bridge":            {sandbox.JobBridgeManual, false},
	} {
		t.Run(name, func(t *testing.T) {
			sb, _ := newBox()
			w := send(sb, "POST", jobURL(tc.job, "play"), developer)
			wantStatus(t, w, 200)
			played := object(t, w)
			if (id(t, played) != tc.job) != tc.new {
				t.Errorf("job %v", played["id"])
			}
			if user, _ := played["user"].(map[string]any); user["username"] != "ben" {
				t.Errorf("user %v is not the caller", user["username"])
			}
			_, bridge := played["downstream_pipeline"]
			_, build := played["artifacts"]
			if bridge == build || bridge != (tc.job == sandbox.JobBridgeManual) {
				t.Errorf("bridge %v, build %v", bridge, build)
			}
		})
	}
	t.Run("7.11 a played job cannot be played", func(t *testing.T) {
		sb, _ := newBox()
		wantStatus(t, send(sb, "POST", jobURL(sandbox.JobManual, "play"), developer), 200)
		wantStatus(t, send(sb, "POST", jobURL(sandbox.JobManual, "play"), developer), 400)
	})
}
