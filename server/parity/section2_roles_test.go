package parity

import (
	"slices"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	docsJob   = "/projects/2/jobs/201"
	docsPL    = "/projects/2/pipelines/200"
	forbidden = `{"message":"403 Forbidden"}`
	needsSudo = "Must be authenticated using an OAuth or personal access token to use sudo"
	scopeText = `{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"`
)

// takesJobToken are the endpoints of contract section 2's table that take a job token.
var takesJobToken = []string{"project-jobs", "pipeline-jobs", "bridges", "trigger-jobs", "token-job", "allowed-agents"}

// ofDocs are the endpoints, on a public project with public pipelines.
var ofDocs = map[string]call{
	"project-jobs": get("/projects/2/jobs"), "pipeline-jobs": get(docsPL + "/jobs"),
	"bridges": get(docsPL + "/bridges"), "trigger-jobs": get(docsPL + "/trigger_jobs"), "token-job": get("/job"),
	"allowed-agents": get("/job/allowed_agents"), "job": get(docsJob), "trace": get(docsJob + "/trace"),
	"cancel": post(docsJob + "/cancel"), "retry": post(docsJob + "/retry"), "erase": post(docsJob + "/erase"),
	"play": post(docsJob + "/play"),
}

var section2Roles = section{"2 Authorization: who may do what", []rule{
	{
		"A job token is taken on the lists, on `/job` and on `/job/allowed_agents`; elsewhere it is 401, even for its own job",
		everywhere(func(name string, e endpoint) testCase {
			want := 401
			if slices.Contains(takesJobToken, name) {
				want = e.status
			}
			return c("2/job-token-route/"+name, want, do(e.method, e.target, jobToken(running)))
		}),
	},
	{"A job token as Bearer is taken on the same routes", everywhere(func(name string, e endpoint) testCase {
		want := 401
		if slices.Contains(takesJobToken, name) {
			want = e.status
		}
		return c("2/job-token-bearer/"+name, want, do(e.method, e.target, bearer(running)))
	})},
	{"Nobody in particular may list the jobs and bridges of a public pipeline, and nothing else: 401", each(ofDocs, func(name string, one call) testCase {
		want := 401
		if name == "pipeline-jobs" || name == "bridges" || name == "trigger-jobs" {
			want = 200
		}
		return c("2/anonymous/"+name, want, one)
	})},
	{"To nobody in particular a private or internal project is 404, one whose pipelines are not public 403", []testCase{
		c("2/anonymous-project/private", 404, get(mainPL+"/jobs")).says(noProject),
		c("2/anonymous-project/private-bridges", 404, get("/projects/acme%2Fwidgets/pipelines/100/bridges")).says(noProject),
		c("2/anonymous-project/internal", 404, get("/projects/11/pipelines/1100/jobs")).says(noProject),
		c("2/anonymous-project/pipelines-not-public", 403, get("/projects/7/pipelines/700/jobs")).says(forbidden),
		c("2/anonymous-project/bridges-not-public", 403, get("/projects/7/pipelines/700/trigger_jobs")).says(forbidden),
		c("2/anonymous-project/missing", 404, get("/projects/999/pipelines/1/jobs")).says(noProject),
		c("2/anonymous-project/unknown-token", 401, get(docsPL+"/jobs", as("bad"))).says(unauthorized),
		c("2/anonymous-project/head", 200, head(docsPL+"/jobs")),
	}},
	{"`/job` and `/job/allowed_agents` answer any other valid credential with 404 `404 Job Not Found`", []testCase{
		c("2/not-a-job/token", 404, get("/job", ada)).says(`{"message":"404 Job Not Found"}`),
		c("2/not-a-job/agents", 404, get("/job/allowed_agents", ben)).says(`{"message":"404 Job Not Found"}`),
		c("2/not-a-job/oauth", 404, get("/job", bearer(oauth))),
		c("2/not-a-job/parameter", 404, get("/job?private_token="+developer)),
		c("2/not-a-job/read-api", 404, get("/job", as(sandbox.TokenReadAPI))),
		c("2/not-a-job/unknown", 401, get("/job", as("bad"))),
	}},
	{"`read_api` and `ai_workflows` read; other scopes are 403 `insufficient_scope` with a list, and no challenge", slices.Concat(
		reading(func(name string, e endpoint) testCase {
			want := 200
			if name == "token-job" || name == "allowed-agents" {
				want = 404
			}
			return c("2/scope/read-api-"+name, want, do(e.method, e.target, as(sandbox.TokenReadAPI)))
		}),
		writing(func(name string, e endpoint) testCase {
			return c("2/scope/read-api-"+name, 403, do(e.method, e.target, as(sandbox.TokenReadAPI))).says(scopeText + `api"}`)
		}),
		[]testCase{
			c("2/scope/ai-workflows", 200, get(jobs, as(sandbox.TokenAIWorkflows))),
			c("2/scope/ai-workflows-head", 200, head(jobs, as(sandbox.TokenAIWorkflows))),
			c("2/scope/ai-workflows-write", 403, post(playManual, as(sandbox.TokenAIWorkflows))),
			c("2/scope/head", 200, head(jobs, as(sandbox.TokenReadAPI))),
			c("2/scope/none", 403, get(jobs, as(sandbox.TokenNoScope))).says(scopeText + `api read_api ai_workflows"}`),
			c("2/scope/none-parameter", 403, get(jobs+"?private_token="+sandbox.TokenNoScope)),
			c("2/scope/none-trace", 403, get(widgets+"/jobs/101/trace", as(sandbox.TokenNoScope))),
			c("2/scope/none-public", 403, get(docsPL+"/jobs", as(sandbox.TokenNoScope))),
		},
	)},
	{"A fine-grained token needs the permission of the route: else 403 `insufficient_granular_scope`", []testCase{
		c("2/granular/job", 200, get(widgets+"/jobs/101", as(sandbox.TokenGranular))),
		c("2/granular/project-jobs", 200, get(jobs, as(sandbox.TokenGranular))),
		c("2/granular/trace", 200, get(widgets+"/jobs/101/trace", as(sandbox.TokenGranular))),
		c("2/granular/pipeline-jobs", 403, get(mainPL+"/jobs", as(sandbox.TokenGranular))).says("insufficient_granular_scope"),
		c("2/granular/bridges", 403, get(mainPL+"/bridges", as(sandbox.TokenGranular))),
		c("2/granular/trigger-jobs", 403, get(mainPL+"/trigger_jobs", as(sandbox.TokenGranular))),
		c("2/granular/cancel", 403, post(force, as(sandbox.TokenGranular))).says("cancel_job"),
		c("2/granular/retry", 403, post(widgets+"/jobs/102/retry", as(sandbox.TokenGranular))),
		c("2/granular/erase", 403, post(widgets+"/jobs/101/erase", as(sandbox.TokenGranular))),
		c("2/granular/play", 403, post(playManual, as(sandbox.TokenGranular))),
	}},
	{"Reporters read; Guests and strangers only where pipelines are public", []testCase{
		c("2/roles/reporter", 200, get(jobs, cleo)),
		c("2/roles/reporter-job", 200, get(widgets+"/jobs/101", cleo)),
		c("2/roles/reporter-trace", 200, get(widgets+"/jobs/101/trace", cleo)),
		c("2/roles/guest", 403, get(jobs, dan)).says(forbidden),
		c("2/roles/guest-job", 403, get(widgets+"/jobs/101", dan)),
		c("2/roles/guest-trace", 403, get(widgets+"/jobs/101/trace", dan)),
		c("2/roles/guest-pipeline", 403, get(mainPL+"/jobs", dan)),
		c("2/roles/guest-bridges", 403, get(mainPL+"/bridges", dan)),
		c("2/roles/guest-public-pipelines", 200, get("/projects/group%2Fsub%2Fproj/jobs", dan)),
		c("2/roles/stranger", 404, get(jobs, finn)).says(noProject),
		c("2/roles/stranger-public", 200, get(docsJob, finn)),
		c("2/roles/stranger-internal", 200, get("/projects/11/jobs", finn)),
		c("2/roles/stranger-lab", 403, get("/projects/7/jobs", finn)),
		c("2/roles/only-her-project", 200, get("/projects/5/jobs", ada)),
		c("2/roles/vault", 404, get("/projects/acme%2Fvault/jobs", ben)).says(noProject),
	}},
	{"What one caller may see is not given to another who asks for the same", each(map[string]string{
		"job": widgets + "/jobs/101", "list": jobs, "pipeline": mainPL + "/jobs", "bridges": mainPL + "/bridges",
		"trace": trace, "slice": trace + "?byte_limit=9", "debug": widgets + "/jobs/119/trace",
	}, func(name, target string) testCase {
		return c("2/others/"+name, 401, get(target, ada), get(target, ada), get(target, cleo), get(target, dan), get(target, finn),
			get(target, root, header("Sudo", "dan")), get(target, as("bad")), get(target, ada), get(target, as(sandbox.TokenRevoked)))
	})},
	{"The log of a debug job needs a Developer", []testCase{
		c("2/debug/reporter", 403, get(widgets+"/jobs/119/trace", cleo)).says(forbidden),
		c("2/debug/reporter-slice", 403, get(widgets+"/jobs/119/trace?byte_limit=1", cleo)),
		c("2/debug/reporter-head", 403, head(widgets+"/jobs/119/trace", cleo)),
		c("2/debug/reporter-job", 200, get(widgets+"/jobs/119", cleo)),
		c("2/debug/developer", 200, get(widgets+"/jobs/119/trace", ben)),
	}},
	{"Writes need a Developer, and the right to push to a protected ref; force and erase need more", []testCase{
		c("2/write-roles/reporter-cancel", 403, post(widgets+"/jobs/103/cancel", cleo)).says(forbidden),
		c("2/write-roles/reporter-retry", 403, post(widgets+"/jobs/102/retry", cleo)),
		c("2/write-roles/reporter-erase", 403, post(widgets+"/jobs/101/erase", cleo)),
		c("2/write-roles/reporter-play", 403, post(playManual, cleo)),
		c("2/write-roles/developer-force", 403, post(force+"?force=true", ben)).says(forbidden),
		c("2/write-roles/developer-no-force", 201, post(force+"?force=false", ben)),
		c("2/write-roles/protected-retry", 403, post(widgets+"/jobs/161/retry", ben)),
		c("2/write-roles/protected-retry-maintainer", 201, post(widgets+"/jobs/161/retry", ada)),
		c("2/write-roles/erase-own", 201, post(widgets+"/jobs/151/erase", ben)),
		c("2/write-roles/erase-protected", 403, post(widgets+"/jobs/101/erase", ben)).says(forbidden),
		c("2/write-roles/variables", 403, post("/projects/3/jobs/303/play", ben, jsonBody(`{"job_variables_attributes":[{"key":"A","value":"1"}]}`))).says(forbidden),
		c("2/write-roles/no-variables", 200, post("/projects/3/jobs/303/play", ben)),
		c("2/write-roles/stranger", 403, post(docsJob+"/retry", finn)),
		c("2/write-roles/stranger-private", 404, post(playManual, finn)).says(noProject),
	}},
	{"`sudo` is a parameter or a header, with an ID or a name, for administrators' tokens with that scope", []testCase{
		c("2/sudo/header", 200, post(playManual, root, header("Sudo", "ben"))).says(`"username":"ben"`),
		c("2/sudo/parameter", 200, post(playManual+"?sudo=ben", root)).says(`"username":"ben"`),
		c("2/sudo/form", 200, post(playManual, root, form("sudo=ben"))).says(`"username":"ben"`),
		c("2/sudo/json", 200, post(playManual, root, jsonBody(`{"sudo":"ben"}`))).says(`"username":"ben"`),
		c("2/sudo/number", 200, post(playManual, root, header("Sudo", "4821902"))).says(`"username":"ben"`),
		c("2/sudo/json-number", 200, post(playManual, root, jsonBody(`{"sudo":4821902}`))).says(`"username":"ben"`),
		c("2/sudo/parameter-over-header", 403, get(jobs+"?sudo=dan", root, header("Sudo", "ben"))),
		c("2/sudo/letter-case", 200, get(jobs, root, header("SUDO", "BEN"))),
		c("2/sudo/empty", 200, get(jobs+"?sudo=", root)),
		c("2/sudo/guest", 403, get(jobs, root, header("Sudo", "dan"))).says(forbidden),
		c("2/sudo/bearer", 200, get(jobs, bearer(sandbox.TokenAdmin), header("Sudo", "ben"))),
		c("2/sudo/trace", 200, get(widgets+"/jobs/101/trace?sudo=ben", root)),
		c("2/sudo/token-in-query", 200, get(mainPL+"/jobs?sudo=ben&private_token="+sandbox.TokenAdmin)),
		c("2/sudo/head", 403, head(jobs+"?sudo=dan", root)),
		c("2/sudo/utf-8-header", 404, get(jobs, root, header("Sudo", "müller"))).says("müller"),
		c("2/sudo/utf-8", 404, get(jobs+"?sudo=m%C3%BCller", root)).says("müller"),
	}},
	{"`sudo` parameters are repeated in links, as all others", []testCase{
		c("2/sudo-links/offset", 200, get(jobs+"?sudo=ben&per_page=1", root)).says("sudo=ben"),
		c("2/sudo-links/keyset", 200, get(jobs+"?sudo=ben&per_page=1&pagination=keyset", root)).says("sudo=ben"),
		c("2/sudo-links/walk", 200, get(mainPL+"/jobs?sudo=ben&per_page=15", root)).walks(),
		c("2/sudo-links/moved", 301, get(moved+"/jobs?sudo=ben", root)).says("?sudo=ben"),
	}},
	{"Each refusal of `sudo`", []testCase{
		c("2/sudo-refused/anonymous", 401, get(jobs, header("Sudo", "ben"))).says(unauthorized),
		c("2/sudo-refused/anonymous-pipeline", 401, get(docsPL+"/jobs?sudo=ben")).says(unauthorized),
		c("2/sudo-refused/no-admin", 403, get(jobs, ada, header("Sudo", "ben"))).says("403 Forbidden - Must be admin to use sudo"),
		c("2/sudo-refused/job-token", 403, get(jobs, jobToken(sandbox.JobTokenAdmin), header("Sudo", "ben"))).says(needsSudo),
		c("2/sudo-refused/scope", 403, get(jobs+"?sudo=ben", as(sandbox.TokenAdminNoSudo))).says("insufficient_scope"),
		c("2/sudo-refused/unknown", 404, get(jobs, root, header("Sudo", "nobody"))).says("404 User with ID or username 'nobody' Not Found"),
		c("2/sudo-refused/write", 404, post(playManual+"?sudo=x", root)),
		c("2/sudo-refused/blank", 404, get(jobs+"?sudo=+", root)),
	}},
	{"An account that demands DPoP wants a proof with its access tokens", []testCase{
		c("2/dpop/missing", 401, get(jobs, as(sandbox.TokenDPoP))).says(`{"error":"dpop_error","error_description":"DPoP validation error: `),
		c("2/dpop/broken", 401, get(jobs, as(sandbox.TokenDPoP), header("DPoP", "abc"))).says("Malformed JWT"),
		c("2/dpop/proof", 200, get(jobs, as(sandbox.TokenDPoP), header("DPoP", "a.b.c"))),
		c("2/dpop/write", 200, post(playManual, as(sandbox.TokenDPoP), header("DPoP", "a.b.c"))),
		c("2/dpop/write-missing", 401, post(playManual, as(sandbox.TokenDPoP))),
		c("2/dpop/trace", 200, get(widgets+"/jobs/101/trace", as(sandbox.TokenDPoP), header("dpop", "a.b.c"))),
		c("2/dpop/parameter", 200, get(jobs+"?private_token="+sandbox.TokenDPoP, header("DPoP", "a.b.c"))),
		c("2/dpop/not-demanded", 200, get(jobs, ben, header("DPoP", "x"))),
	}},
	{"A job token of another project needs a place on the allowlist, and there the policy of the route", []testCase{
		c("2/allowlist/foreign", 403, get(jobs, jobToken(sandbox.JobTokenForeign))).says("403 Forbidden - Authentication by CI/CD job token not allowed from proj to project #1."),
		c("2/allowlist/foreign-public-jobs", 403, get("/projects/2/jobs", jobToken(sandbox.JobTokenForeign))),
		c("2/allowlist/foreign-public-pipeline", 200, get(docsPL+"/jobs", jobToken(sandbox.JobTokenForeign))),
		c("2/allowlist/foreign-public-bridges", 200, get(docsPL+"/bridges", jobToken(sandbox.JobTokenForeign))),
		c("2/allowlist/foreign-internal", 200, get("/projects/11/pipelines/1100/jobs", jobToken(sandbox.JobTokenForeign))),
		c("2/allowlist/limited", 403, get(jobs, jobToken(sandbox.JobTokenLimited))).says("403 Forbidden - Insufficient permissions to access this resource in project #1. The following token permission is required: read_jobs."),
		c("2/allowlist/limited-bridges", 403, get(mainPL+"/bridges", jobToken(sandbox.JobTokenLimited))).says("read_pipelines"),
		c("2/allowlist/listed", 200, get("/projects/4/jobs", jobToken(running))),
		c("2/allowlist/missing", 404, get("/projects/999/jobs", jobToken(sandbox.JobTokenForeign))).says(noProject),
		c("2/allowlist/parameter", 403, get(jobs+"?job_token="+sandbox.JobTokenForeign)),
	}},
	{"On the jobs routes 401 comes before a bad parameter, on the pipeline routes the bad parameter before 401 and 404", []testCase{
		c("2/order/project-jobs", 401, get(jobs+"?scope=x")),
		c("2/order/job", 401, get(widgets+"/jobs/abc")),
		c("2/order/trace", 401, get(widgets+"/jobs/1/trace?byte_limit=0")),
		c("2/order/play", 401, post(playManual, jsonBody(`{"job_variables_attributes":[{}]}`))),
		c("2/order/pipeline-jobs", 400, get("/projects/999/pipelines/1/jobs?scope=x")).says(badScope),
		c("2/order/bridges", 400, get("/projects/999/pipelines/abc/bridges")).says("pipeline_id is invalid"),
		c("2/order/trigger-jobs", 400, get(mainPL+"/trigger_jobs?per_page=0", as("bad"))),
		c("2/order/jobs-parameter-first", 400, get("/projects/999/jobs?scope=x", ada)),
		c("2/order/job-parameter-first", 400, get("/projects/999/jobs/abc", ada)),
	}},
}}
