package sandbox_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// compile loads one of the strict schemas of the current field set.
func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	for _, file := range []string{"defs", name} {
		raw, err := os.ReadFile("testdata/schemas/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource("urn:gitlab-jobs-api:"+file, doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("urn:gitlab-jobs-api:" + name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, body string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, body)
	}
}

// Every answer of the whole world, at several moments of its life, fits the strict schemas.
func TestWorldFollowsTheSchemas(t *testing.T) {
	job, jobs, bridges := compile(t, "job"), compile(t, "jobs"), compile(t, "bridges")
	sb, clk := newBox()
	admin := as(sandbox.TokenAdmin)
	for range 5 {
		for p := sandbox.ProjectWidgetsID; p <= sandbox.ProjectIntranetID; p++ {
			target := fmt.Sprintf("%s/projects/%d/jobs", api, p)
			w := send(sb, "GET", target+"?pagination=keyset&per_page=1000", admin)
			validate(t, jobs, w.Body.String())
			for _, id := range ids(t, w) {
				validate(t, job, send(sb, "GET", target+"/"+id, admin).Body.String())
			}
		}
		for _, rest := range []string{"/bridges?include_retried=1", "/trigger_jobs"} {
			validate(t, bridges, send(sb, "GET", mainPL+rest, admin).Body.String())
		}
		w := send(sb, "GET", mainPL+"/jobs?include_retried=true&per_page=100", admin)
		validate(t, jobs, w.Body.String())
		clk.advance(20e9)
	}
}

func TestActionsFollowTheSchemas(t *testing.T) {
	job, bridge := compile(t, "job"), compile(t, "bridge")
	for _, tc := range []struct {
		id     int64
		action string
	}{
		{sandbox.JobRunning, "cancel"},
		{sandbox.JobRunningAbrupt, "cancel"},
		{sandbox.JobManual, "cancel"},
		{sandbox.JobFailed, "retry"},
		{sandbox.JobBridge, "retry"},
		{sandbox.JobSuccess, "erase"},
		{sandbox.JobManual, "play"},
		{sandbox.JobScheduled, "play"},
		{sandbox.JobManualDone, "play"},
	} {
		t.Run(fmt.Sprintf("7 %s %d", tc.action, tc.id), func(t *testing.T) {
			sb, _ := newBox()
			validate(t, job, send(sb, "POST", jobURL(tc.id, tc.action), maintainer).Body.String())
		})
	}
	sb, clk := newBox()
	validate(t, bridge, send(sb, "POST", jobURL(sandbox.JobBridgeManual, "play"), maintainer).Body.String())
	clk.advance(60e9)
	validate(t, compile(t, "bridges"), send(sb, "GET", mainPL+"/bridges", maintainer).Body.String())
}

func TestAllowedAgentsFollowTheSchema(t *testing.T) {
	schema := compile(t, "allowed_agents")
	sb, _ := newBox()
	for _, token := range []string{sandbox.JobTokenRunning, sandbox.JobTokenDeploy, sandbox.JobTokenPersonal} {
		validate(t, schema, send(sb, "GET", api+"/job/allowed_agents", jobToken(token)).Body.String())
	}
}

// keys returns the member names of a JSON object in order, nested ones with their path.
func keys(t *testing.T, text string) []string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	var out []string
	var walk func(path string)
	walk = func(path string) {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case json.Delim('{'):
			for decoder.More() {
				name, err := decoder.Token()
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, fmt.Sprint(path, ".", name))
				walk(fmt.Sprint(path, ".", name))
			}
			_, _ = decoder.Token()
		case json.Delim('['):
			for i := 0; decoder.More(); i++ {
				walk(fmt.Sprintf("%s[%d]", path, i))
			}
			_, _ = decoder.Token()
		}
	}
	walk("")
	return out
}

// The members come in the order of GitLab's entities, as the samples have it.
func TestMembersComeInEntityOrder(t *testing.T) {
	for sample, call := range map[string][2]string{
		"job_success":     {"GET", jobURL(sandbox.JobSuccess)},
		"job_manual":      {"GET", jobURL(sandbox.JobManual)},
		"job_failed":      {"GET", jobURL(sandbox.JobFailed)},
		"retry_of_bridge": {"POST", jobURL(sandbox.JobBridge, "retry")},
	} {
		t.Run("8 "+sample, func(t *testing.T) {
			sb, _ := newBox()
			sameKeys(t, readSample(t, sample), send(sb, call[0], call[1], maintainer).Body.String())
		})
	}
	var bridges []json.RawMessage
	decodeJSON(t, readSample(t, "bridges_list"), &bridges)
	for i, scope := range []string{"success", "failed"} {
		t.Run("8.3 bridge, "+scope, func(t *testing.T) {
			sb, _ := newBox()
			w := send(sb, "GET", mainPL+"/bridges?scope="+scope, maintainer)
			sameKeys(t, "["+string(bridges[i])+"]", w.Body.String())
		})
	}
}

func readSample(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/samples/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func sameKeys(t *testing.T, sample, got string) {
	t.Helper()
	if diff := cmp.Diff(keys(t, sample), keys(t, got)); diff != "" {
		t.Errorf("members (-sample +sandbox):\n%s", diff)
	}
}
