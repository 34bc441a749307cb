package sandbox_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func has(t *testing.T, got []string, id int64, want bool) {
	t.Helper()
	if slices.Contains(got, fmt.Sprint(id)) != want {
		t.Errorf("job %d there: %v, want %v", id, !want, want)
	}
}

func TestProjectJobs(t *testing.T) {
	sb, _ := newBox()
	all := ids(t, send(sb, "GET", widgets+"/jobs?pagination=keyset&per_page=1000", maintainer))
	t.Run("7.1 no bridges", func(t *testing.T) { has(t, all, sandbox.JobBridge, false) })
	t.Run("7.1 retried ones too", func(t *testing.T) { has(t, all, sandbox.JobRetried, true) })
	t.Run("7.1 no other project's", func(t *testing.T) { has(t, all, sandbox.JobDocs, false) })
	for name, tc := range map[string]struct {
		query string
		want  []string
	}{
		"7.1 ref":             {"?ref=topic", []string{"151"}},
		"7.1 unknown ref":     {"?ref=nowhere", []string{}},
		"7.1 unused status":   {"?scope=preparing&ref=topic", []string{}},
		"7.1 scope and order": {"?scope[]=created&scope[]=pending&scope[]=skipped", []string{"143", "142", "141", "112", "106", "105"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ids(t, send(sb, "GET", widgets+"/jobs"+tc.query, maintainer))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("7.1 blank ref is no filter", func(t *testing.T) {
		if got := ids(t, send(sb, "GET", widgets+"/jobs?ref=%20&per_page=100", maintainer)); len(got) != 100 {
			t.Errorf("%d jobs", len(got))
		}
	})
}

// A job in each status of section 9.1 can be asked for.
func TestEveryStatus(t *testing.T) {
	sb, _ := newBox()
	for _, status := range []string{
		"created", "waiting_for_resource", "preparing", "waiting_for_callback",
		"pending", "running", "success", "failed", "canceling", "canceled", "skipped", "manual", "scheduled",
	} {
		t.Run("9.1 "+status, func(t *testing.T) {
			jobs := list(t, send(sb, "GET", mainPL+"/jobs?per_page=100&scope="+status, maintainer))
			if len(jobs) == 0 {
				t.Fatal("none")
			}
			for _, j := range jobs {
				if j["status"] != status {
					t.Errorf("job %v is %v", j["id"], j["status"])
				}
				if _, ok := j["failure_reason"]; ok != (status == "failed") {
					t.Errorf("8.1 job %v has a failure_reason: %v", j["id"], ok)
				}
			}
		})
	}
}

func TestPipelineJobs(t *testing.T) {
	sb, _ := newBox()
	latest := ids(t, send(sb, "GET", mainPL+"/jobs?per_page=100", maintainer))
	t.Run("7.2 retried hidden", func(t *testing.T) { has(t, latest, sandbox.JobRetried, false) })
	t.Run("7.2 its successor there", func(t *testing.T) { has(t, latest, sandbox.JobRetriedBy, true) })
	t.Run("7.2 no bridges", func(t *testing.T) { has(t, latest, sandbox.JobBridge, false) })
	t.Run("7.2 include_retried", func(t *testing.T) {
		w := send(sb, "GET", mainPL+"/jobs?per_page=100&include_retried=true", maintainer)
		has(t, ids(t, w), sandbox.JobRetried, true)
	})
	m := by(maintainer)
	runAll(t, map[string]exchange{
		"7.2 scope as a hash":        {method: "GET", target: mainPL + "/jobs?scope[0]=failed", as: m, status: 400, want: `{"error":"scope does not have a valid value"}`},
		"7.2 other project's":        {method: "GET", target: api + "/projects/2/pipelines/100/jobs", as: m, status: 404, want: `{"message":"404 Not found"}`},
		"7.2 builds hidden":          {method: "GET", target: api + "/projects/8/pipelines/800/jobs", status: 200, want: `[]`},
		"7.2 builds for members":     {method: "GET", target: api + "/projects/8/pipelines/800/jobs", as: m, status: 200},
		"7.2 guest":                  {method: "GET", target: mainPL + "/jobs", as: by(as(sandbox.TokenGuest)), status: 403},
		"7.3 builds hidden":          {method: "GET", target: api + "/projects/8/pipelines/800/bridges", status: 403, want: `{"message":"403 Forbidden"}`},
		"7.3 scope as a hash":        {method: "GET", target: mainPL + "/bridges?scope[0]=failed", as: m, status: 400},
		"7.3 missing pipeline":       {method: "GET", target: widgets + "/pipelines/1/bridges", as: m, status: 404, want: `{"message":"404 Not found"}`},
		"7.6 a bridge is not found":  {method: "GET", target: jobURL(sandbox.JobBridge), as: m, status: 404, want: `{"message":"404 Not found"}`},
		"7.4 valid other credential": {method: "GET", target: api + "/job", as: m, status: 404, want: `{"message":"404 Job Not Found"}`},
		"7.5 valid other credential": {method: "GET", target: api + "/job/allowed_agents", as: m, status: 404, want: `{"message":"404 Job Not Found"}`},
		"7.5 finished job's token":   {method: "GET", target: api + "/job/allowed_agents", as: by(jobToken(sandbox.JobTokenFinished)), status: 401},
	})
}

func TestBridges(t *testing.T) {
	sb, _ := newBox()
	for _, path := range []string{"/bridges", "/trigger_jobs"} {
		for name, tc := range map[string]struct {
			query string
			want  []string
		}{
			"7.3 retried hidden":              {"", []string{"134", "133", "132", "131"}},
			"7.3 any include_retried":         {"?include_retried=false", []string{"135", "134", "133", "132", "131"}},
			"7.3 empty include_retried":       {"?include_retried=", []string{"134", "133", "132", "131"}},
			"7.3 scope":                       {"?scope[]=manual&scope[]=failed", []string{"133", "132"}},
			"7.3 scope with retried and page": {"?scope=failed&include_retried=x&per_page=1&page=2", []string{"132"}},
		} {
			t.Run(name+path, func(t *testing.T) {
				w := send(sb, "GET", mainPL+path+tc.query, maintainer)
				if diff := cmp.Diff(tc.want, ids(t, w)); diff != "" {
					t.Errorf("ids (-want +got):\n%s", diff)
				}
				if w.Header().Get("X-Total") == "" {
					t.Error("7.3 no X-Total")
				}
			})
		}
	}
	downstream := map[string]bool{}
	for _, b := range list(t, send(sb, "GET", mainPL+"/bridges", maintainer)) {
		downstream[fmt.Sprint(b["id"])] = b["downstream_pipeline"] != nil
	}
	want := map[string]bool{"131": true, "132": false, "133": false, "134": true}
	if diff := cmp.Diff(want, downstream); diff != "" {
		t.Errorf("8.3 downstream pipelines (-want +got):\n%s", diff)
	}
}

func TestTokenJob(t *testing.T) {
	sb, _ := newBox()
	w := send(sb, "GET", api+"/job", jobToken(sandbox.JobTokenRunning))
	wantStatus(t, w, 200)
	if got := fmt.Sprint(object(t, w)["id"]); got != "103" {
		t.Errorf("7.4 job %s", got)
	}
}

func TestAllowedAgents(t *testing.T) {
	sb, _ := newBox()
	for name, tc := range map[string]struct {
		token       string
		agents      []string
		groups      int
		environment bool
		roles       int
	}{
		"7.5 with an environment":     {sandbox.JobTokenDeploy, []string{"5", "6", "8"}, 1, true, 6},
		"7.5 without one":             {sandbox.JobTokenRunning, []string{"6", "8"}, 1, false, 5},
		"8.10 personal namespace":     {sandbox.JobTokenPersonal, []string{}, 0, false, 7},
		"8.10 subgroup, ancestors":    {sandbox.JobTokenForeign, []string{}, 2, false, 5},
		"8.10 administrator is owner": {sandbox.JobTokenAdmin, []string{"6", "8"}, 1, false, 7},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(sb, "GET", api+"/job/allowed_agents", jobToken(tc.token))
			wantStatus(t, w, 200)
			wantHeader(t, w, "Gitlab-Feature-Flag", "sandbox_agent_filter=true, sandbox_agent_preview=false")
			var got struct {
				AllowedAgents []struct {
					ID            int            `json:"id"`
					Configuration map[string]any `json:"configuration"`
				} `json:"allowed_agents"`
				Project struct{ Groups []any }
				User    struct {
					Roles []string `json:"roles_in_project"`
				}
				Environment map[string]any
			}
			decodeJSON(t, w.Body.String(), &got)
			agents := []string{}
			for _, a := range got.AllowedAgents {
				agents = append(agents, fmt.Sprint(a.ID))
				if a.Configuration == nil {
					t.Error("8.10 configuration is always there")
				}
			}
			if diff := cmp.Diff(tc.agents, agents); diff != "" {
				t.Errorf("agents (-want +got):\n%s", diff)
			}
			if len(got.Project.Groups) != tc.groups || len(got.User.Roles) != tc.roles {
				t.Errorf("%d groups, roles %v", len(got.Project.Groups), got.User.Roles)
			}
			if (got.Environment != nil) != tc.environment {
				t.Errorf("environment %v", got.Environment)
			}
		})
	}
}
