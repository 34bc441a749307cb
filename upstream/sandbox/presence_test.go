package sandbox_test

import (
	"fmt"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// Presence and null rules of section 8, job by job.
func TestPresence(t *testing.T) {
	sb, _ := newBox()
	for name, tc := range map[string]struct {
		id     int64
		member string
		want   string // absent, null, or the printed value
	}{
		"8.2 artifacts_file with an archive":  {sandbox.JobSuccess, "artifacts_file", "map[filename:artifacts.zip size:48213]"},
		"8.2 artifacts_file expired":          {sandbox.JobExpired, "artifacts_file", "absent"},
		"8.2 artifacts_file, none":            {sandbox.JobFailed, "artifacts_file", "absent"},
		"8.2 artifacts, none":                 {sandbox.JobManual, "artifacts", "[]"},
		"8.2 trace without format":            {sandbox.JobFailed, "artifacts", "[map[file_format:<nil> file_type:trace filename:job.log size:907]]"},
		"8.2 runner before the start":         {sandbox.JobPending, "runner", "null"},
		"8.2 runner_manager before the start": {sandbox.JobPending, "runner_manager", "null"},
		"8.2 runner without managers":         {sandbox.JobFailed, "runner_manager", "null"},
		"8.2 archived":                        {sandbox.JobArchived, "archived", "true"},
		"8.2 tag_list":                        {sandbox.JobSuccess, "tag_list", "[linux saas-linux-small-amd64]"},
		"8.2 tag_list, none":                  {sandbox.JobRunning, "tag_list", "[]"},
		"8.1 no user":                         {sandbox.JobOrphan, "user", "null"},
		"8.1 no commit":                       {sandbox.JobOrphan, "commit", "null"},
		"8.1 started_at before the start":     {sandbox.JobManual, "started_at", "null"},
		"8.1 duration before the start":       {sandbox.JobManual, "duration", "null"},
		"8.1 queued_duration, never queued":   {sandbox.JobManual, "queued_duration", "null"},
		"8.1 finished_at while it runs":       {sandbox.JobRunning, "finished_at", "null"},
		"8.1 coverage":                        {sandbox.JobSuccess, "coverage", "87.4"},
		"8.1 failure_reason":                  {sandbox.JobFailed, "failure_reason", "script_failure"},
		"8.1 failure_reason, success":         {sandbox.JobSuccess, "failure_reason", "absent"},
		"9.2 failure_reason, stored null":     {sandbox.JobLocked, "failure_reason", "unknown_failure"},
		"8.1 project has one key":             {sandbox.JobSuccess, "project", "map[ci_job_token_scope_enabled:false]"},
		"12.1 no source":                      {sandbox.JobSuccess, "source", "absent"},
		"8.1 erased_at":                       {sandbox.JobErased, "erased_at", "2026-03-04T10:17:40.180Z"},
		"8.2 artifacts_expire_at once erased": {sandbox.JobErased, "artifacts_expire_at", "null"},
		"8.1 stage":                           {sandbox.JobSuccess, "stage", "test"},
		"8.1 name is free text":               {sandbox.JobSuccess, "name", "unit: [1.24, linux]"},
		"8.1 web_url":                         {sandbox.JobSuccess, "web_url", "https://gitlab.example.com/acme/widgets/-/jobs/101"},
		"8.1 tag is about the ref":            {sandbox.JobBig + 40, "tag", "true"},
		"8.1 no tag":                          {sandbox.JobBig, "tag", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			value, ok := object(t, send(sb, "GET", jobURL(tc.id), maintainer))[tc.member]
			got := fmt.Sprint(value)
			if value == nil {
				got = "null"
			}
			if !ok {
				got = "absent"
			}
			if got != tc.want {
				t.Errorf("%s is %s, want %s", tc.member, got, tc.want)
			}
		})
	}
	user := func(id int64) map[string]any {
		m, _ := object(t, send(sb, "GET", jobURL(id), maintainer))["user"].(map[string]any)
		return m
	}
	t.Run("8.5 a bot's name is hidden", func(t *testing.T) {
		if bot := user(sandbox.JobManualDone); bot["name"] != "****" || bot["bot"] != true {
			t.Errorf("%v", bot)
		}
	})
	t.Run("8.5 a private profile", func(t *testing.T) {
		id := sb.AddJob(sandbox.NewJob{User: "cleo"})
		for _, member := range []string{"created_at", "followers", "following"} {
			if _, ok := user(id)[member]; ok {
				t.Errorf("%s is there", member)
			}
		}
	})
}
