package sandbox_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

var old = sandbox.WithVersion(sandbox.VersionOld)

func TestOldShapes(t *testing.T) {
	sb, _ := newBox(old)
	job := object(t, send(sb, "GET", jobURL(sandbox.JobSuccess), maintainer))
	members := func(path string) string {
		value := job
		for part := range strings.SplitSeq(path, ".") {
			if part != "" {
				value, _ = value[part].(map[string]any)
			}
		}
		return strings.Join(slices.Sorted(maps.Keys(value)), " ")
	}
	for path, want := range map[string]string{
		"": "allow_failure artifacts artifacts_expire_at artifacts_file commit coverage created_at duration " +
			"erased_at finished_at id name pipeline project queued_duration ref runner stage started_at status " +
			"tag tag_list user web_url",
		"pipeline": "id project_id ref sha status",
		"commit":   "author_email author_name created_at id message short_id title",
		"runner":   "active description id ip_address is_shared name online status",
		"user": "avatar_url bio created_at id linkedin location name organization public_email skype state " +
			"twitter username web_url website_url",
	} {
		if diff := cmp.Diff(want, members(path)); diff != "" {
			t.Errorf("11 members of %q (-want +got):\n%s", path, diff)
		}
	}
}

func TestOldBehaviour(t *testing.T) {
	m := by(maintainer)
	runAll(t, map[string]exchange{
		"11 no trigger_jobs":           {method: "GET", target: mainPL + "/trigger_jobs", as: m, status: 404, want: `{"error":"404 Not Found"}`},
		"11 bridges":                   {method: "GET", target: mainPL + "/bridges", as: m, status: 200},
		"11 job token on project jobs": {method: "GET", target: widgets + "/jobs", as: by(jobToken(sandbox.JobTokenRunning)), status: 401},
		"11 no retry of bridges":       {method: "POST", target: jobURL(sandbox.JobBridge, "retry"), as: m, status: 404},
		"11 no status canceling":       {method: "GET", target: widgets + "/jobs?scope=canceling", as: m, status: 400},
		"11 no status of callbacks":    {method: "GET", target: widgets + "/jobs?scope=waiting_for_callback", as: m, status: 400},
		"11 preparing is known":        {method: "GET", target: widgets + "/jobs?scope=preparing", as: m, status: 200},
		"11 byte_limit is not checked": {method: "GET", target: jobURL(sandbox.JobSuccess, "trace") + "?byte_limit=x", as: m, status: 200},
		"11 inputs are not read":       {method: "POST", target: jobURL(sandbox.JobFailed, "retry"), kind: jsonType, body: `{"inputs":{"foo":1}}`, as: m, status: 201},
		"11 play of a bridge":          {method: "POST", target: jobURL(sandbox.JobBridgeManual, "play"), as: m, status: 200},
	}, old)
	sb, clk := newBox(old)
	t.Run("11 cancel is at once", func(t *testing.T) {
		w := send(sb, "POST", jobURL(sandbox.JobRunning, "cancel"), maintainer)
		if got := object(t, w)["status"]; got != "canceled" {
			t.Errorf("status %v", got)
		}
	})
	t.Run("11 no slices", func(t *testing.T) {
		whole := send(sb, "GET", jobURL(sandbox.JobSuccess, "trace"), maintainer)
		part := send(sb, "GET", jobURL(sandbox.JobSuccess, "trace")+"?byte_offset=5&byte_limit=1", maintainer)
		wantBody(t, part, whole.Body.String())
	})
	t.Run("11 no cursor headers", func(t *testing.T) {
		w := send(sb, "GET", widgets+"/jobs?pagination=keyset&per_page=5", maintainer)
		wantNoHeader(t, w, "X-Next-Cursor", "X-Prev-Cursor")
		if next(t, w.Header()) == "" {
			t.Error("no next link")
		}
	})
	t.Run("11 ref is ignored", func(t *testing.T) {
		if got := ids(t, send(sb, "GET", widgets+"/jobs?ref=topic", maintainer)); len(got) != 20 {
			t.Errorf("%d jobs", len(got))
		}
	})
	t.Run("11 agents", func(t *testing.T) {
		agents := object(t, send(sb, "GET", api+"/job/allowed_agents", jobToken(sandbox.JobTokenDeploy)))
		user, _ := agents["user"].(map[string]any)
		if _, ok := agents["environment"]; ok || user["name"] != "Ada Byron" {
			t.Errorf("%v", agents)
		}
		if text := send(sb, "GET", api+"/job/allowed_agents", jobToken(sandbox.JobTokenDeploy)).Body.String(); strings.Contains(text, "configuration") {
			t.Errorf("configuration in %s", text)
		}
	})
	t.Run("11 downstream pipelines", func(t *testing.T) {
		clk.advance(time.Second)
		bridges := list(t, send(sb, "GET", mainPL+"/bridges?scope=success", maintainer))
		pipeline, _ := bridges[0]["downstream_pipeline"].(map[string]any)
		if len(bridges) != 1 || len(pipeline) != 8 {
			t.Errorf("%v", bridges)
		}
	})
}
