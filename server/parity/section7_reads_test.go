package parity

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// statuses are the words of contract section 9.1.
var statuses = []string{
	"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running", "success",
	"failed", "canceling", "canceled", "skipped", "manual", "scheduled",
}

// everyStatus asks a list for each status.
func everyStatus(prefix, target string) []testCase {
	var cases []testCase
	for _, word := range statuses {
		cases = append(cases, c(prefix+word, 200, get(target+"?scope="+word, ada)))
	}
	return cases
}

// logged is a sandbox whose JobSilent has a log.
func logged(log []byte) func(*sandbox.Sandbox) {
	return func(box *sandbox.Sandbox) { box.SetTrace(sandbox.JobSilent, log) }
}

const (
	trace  = widgets + "/jobs/101/trace"
	silent = widgets + "/jobs/123/trace"
)

var section7Reads = section{"7 Endpoints that read", []rule{
	{"7.1 GET /projects/:id/jobs: builds only, retried ones too, newest first", []testCase{
		c("7.1/list", 200, get(jobs+"?per_page=100", ada)).says(`"id":13372368287`),
		c("7.1/second-page", 200, get(jobs+"?per_page=100&page=2", ada)).says(`{"id":116,`),
		c("7.1/empty", 200, get("/projects/6/jobs", ada)).says("[]"),
		c("7.1/old", 200, get(jobs+"?per_page=100&page=2", ada)).old(),
		c("7.1/forbidden", 403, get("/projects/8/jobs", dan)).says(forbidden),
	}},
	{"7.1 `scope`: each status", everyStatus("7.1/scope/", jobs)},
	{"7.1 `ref`: exact; blank is no filter; unknown is `[]`", []testCase{
		c("7.1/ref/exact", 200, get(jobs+"?ref=topic", ada)).says(`{"id":151,`),
		c("7.1/ref/tag", 200, get(jobs+"?ref=v1.4.0&per_page=3", ada)),
		c("7.1/ref/unknown", 200, get(jobs+"?ref=x", ada)).says("[]"),
		c("7.1/ref/empty", 200, get(jobs+"?ref=&per_page=2", ada)),
		c("7.1/ref/blank", 200, get(jobs+"?ref=%20%20&per_page=2", ada)),
		c("7.1/ref/slash", 200, get(jobs+"?ref=feature%2Fx", ada)),
		c("7.1/ref/with-scope", 200, get(jobs+"?ref=main&scope[]=manual&scope[]=failed&per_page=4", ada)),
		c("7.1/ref/twice", 200, get(jobs+"?ref=x&ref=topic", ada)).says(`{"id":151,`),
		c("7.1/ref/utf-8", 200, get(jobs+"?ref=%C3%A9", ada)),
		c("7.1/ref/list", 400, get(jobs+"?ref[]=topic", ada)).says("ref is invalid"),
		c("7.1/ref/old", 200, get(jobs+"?ref=topic&per_page=1", ada)).old(),
	}},
	{"7.1 paging parameters", []testCase{
		c("7.1/paging/offset", 200, get(jobs+"?page=2&per_page=3", ada)),
		c("7.1/paging/keyset", 200, get(keyset+"&order_by=id&sort=desc&per_page=3", ada)),
		c("7.1/paging/cursor", 200, get(keyset+"&cursor=eyJpZCI6IjExMCIsIl9rZCI6Im4ifQ==&per_page=2", ada)),
	}},
	{"7.2 GET …/pipelines/:pipeline_id/jobs", []testCase{
		c("7.2/list", 200, get(mainPL+"/jobs?per_page=100", ada)),
		c("7.2/big", 200, get(widgets+"/pipelines/2368124403/jobs?per_page=50", ada)).says(`"ref":"v1.4.0","tag":true`),
		c("7.2/other-project", 404, get(widgets+"/pipelines/200/jobs", ada)).says(notFound),
		c("7.2/guest", 403, get(mainPL+"/jobs", dan)).says(forbidden),
		c("7.2/builds-hidden", 200, get("/projects/8/pipelines/800/jobs", dan)).says("[]"),
		c("7.2/old", 200, get(mainPL+"/jobs?per_page=100", ada)).old(),
		c("7.2/anonymous", 200, get(docsPL+"/jobs")),
		c("7.2/id-twice", 200, get(mainPL+"/jobs?pipeline_id=abc&per_page=1", ada)),
	}},
	{"7.2 `scope`: each status", everyStatus("7.2/scope/", mainPL+"/jobs")},
	{"7.2 `include_retried` shows retried jobs", []testCase{
		c("7.2/include-retried/true", 200, get(mainPL+"/jobs?include_retried=true&per_page=100", ada)).says(`{"id":116,`),
		c("7.2/include-retried/false", 200, get(mainPL+"/jobs?include_retried=false&per_page=100", ada)),
		c("7.2/include-retried/with-scope", 200, get(mainPL+"/jobs?include_retried=1&scope[]=failed", ada)),
	}},
	{"7.3 GET …/bridges", []testCase{
		c("7.3/list", 200, get(mainPL+"/bridges", ada)).says(`"downstream_pipeline":{"id":23681`),
		c("7.3/other-project", 404, get(widgets+"/pipelines/200/bridges", ada)).says(notFound),
		c("7.3/guest", 403, get(mainPL+"/bridges", dan)),
		c("7.3/builds-hidden", 403, get("/projects/8/pipelines/800/bridges", dan)),
		c("7.3/none", 200, get(widgets+"/pipelines/110/bridges", ada)).says("[]"),
		c("7.3/scope", 200, get(mainPL+"/bridges?scope[]=failed&scope[]=running", ada)),
		c("7.3/paging", 200, get(mainPL+"/bridges?per_page=1&page=3", ada)),
		c("7.3/old", 200, get(mainPL+"/bridges", ada)).old(),
		c("7.3/job-token", 200, get(mainPL+"/bridges", jobToken(running))),
	}},
	{"7.3 any `include_retried` with a value, `false` too, shows retried bridges", []testCase{
		c("7.3/include-retried/true", 200, get(mainPL+"/bridges?include_retried=true", ada)).says(`{"id":135,`),
		c("7.3/include-retried/false", 200, get(mainPL+"/bridges?include_retried=false", ada)).says(`{"id":135,`),
		c("7.3/include-retried/nonsense", 200, get(mainPL+"/bridges?include_retried=x", ada)).says(`{"id":135,`),
		c("7.3/include-retried/empty", 200, get(mainPL+"/bridges?include_retried=", ada)),
		c("7.3/include-retried/trigger-jobs", 200, get(mainPL+"/trigger_jobs?include_retried=0", ada)).says(`{"id":135,`),
	}},
	{"7.4 GET /job", []testCase{
		c("7.4/job", 200, get("/job", jobToken(running))).says(`{"id":103,`),
		c("7.4/deploy", 200, get("/job", jobToken(sandbox.JobTokenDeploy))),
		c("7.4/personal", 200, get("/job", jobToken(sandbox.JobTokenPersonal))),
		c("7.4/other-credential", 404, get("/job", ada)),
		c("7.4/finished", 401, get("/job", jobToken(sandbox.JobTokenFinished))),
		c("7.4/anonymous", 401, get("/job")),
		c("7.4/old", 200, get("/job", jobToken(running))).old(),
	}},
	{"7.5 GET /job/allowed_agents", []testCase{
		c("7.5/agents", 200, get("/job/allowed_agents", jobToken(running))).says(`"configuration":{}`),
		c("7.5/environment", 200, get("/job/allowed_agents", jobToken(sandbox.JobTokenDeploy))).says(`"environment":{"`),
		c("7.5/subgroup", 200, get("/job/allowed_agents", jobToken(sandbox.JobTokenForeign))).says(`"groups":[{"id":9971},{"id":9970}]`),
		c("7.5/personal", 200, get("/job/allowed_agents", jobToken(sandbox.JobTokenPersonal))).says(`"groups":[]`),
		c("7.5/admin", 200, get("/job/allowed_agents", jobToken(sandbox.JobTokenAdmin))).says(`"owner"`),
		c("7.5/documented-name", 401, get("/job/allowed_agents?CI_JOB_TOKEN="+running)),
		c("7.5/other-credential", 404, get("/job/allowed_agents", ada)),
		c("7.5/finished", 401, get("/job/allowed_agents", jobToken(sandbox.JobTokenFinished))),
		c("7.5/old", 200, get("/job/allowed_agents", jobToken(running))).old(),
	}},
	{"7.6 GET …/jobs/:job_id: every job of the sandbox", everyJob("7.6/job/")},
	{"7.6 A bridge, a job of another project, and what is no number are not found", []testCase{
		c("7.6/not/bridge", 404, get(widgets+"/jobs/131", ada)).says(notFound),
		c("7.6/not/other-project", 404, get(widgets+"/jobs/201", ada)).says(notFound),
		c("7.6/not/number", 400, get(widgets+"/jobs/abc", ada)),
		c("7.6/not/empty", 200, get(widgets+"/jobs/", ada)),
		c("7.6/not/huge", 404, get(widgets+"/jobs/9223372036854775808", ada)),
	}},
	{"7.6 A GitLab of the 15.6 era leaves members out", everyOldJob("7.6/old/")},
	{"7.7, 10 GET …/trace: the whole log as text, with its name", []testCase{
		c("7.7/whole", 200, get(trace, ada)).says(`Content-Disposition: infile; filename="101.log"`),
		c("7.7/running", 200, get(widgets+"/jobs/103/trace", ada), get(widgets+"/jobs/103/trace", ada, after(30e9))),
		c("7.7/other-user", 200, get(trace, cleo)),
		c("7.7/path", 200, get("/projects/acme%2Fwidgets/jobs/101/trace", ada)),
		c("7.7/bytes", 200, get(silent, ada)).given(logged([]byte("\x1b[0Ka\r\n\x00\xff\xfe\xc3\nlast"))),
		c("7.7/large", 200, get(silent, ada)).given(logged(bytes.Repeat([]byte("0123456789abcde\n"), 200000))),
		c("7.7/huge", 200, get(silent, ada)).given(logged(bytes.Repeat([]byte("0123456789abcde\n"), 34<<16))),
		c("7.7/one-byte", 200, get(silent, ada)).given(logged([]byte("x"))),
		c("7.7/looks-like-json", 200, get(silent, ada)).given(logged([]byte(`{"message":"404 Not found"}`))),
		c("7.7/old", 200, get(trace, ada)).old(),
	}},
	{"10 No log yet, an erased one, or none at all: 200, empty", []testCase{
		c("7.7/empty/none", 200, get(silent, ada)).says("Content-Length: 0"),
		c("7.7/empty/erased", 200, get(widgets+"/jobs/114/trace", ada)).says("Content-Length: 0"),
		c("7.7/empty/not-started", 200, get(widgets+"/jobs/104/trace", ada)).says("Content-Length: 0"),
		c("7.7/empty/slice", 200, get(silent+"?byte_offset=5&byte_limit=5", ada)),
		c("7.7/empty/pending", 200, get(widgets+"/jobs/105/trace", ada)),
	}},
	{"10 404 for project, job and bridge; 403 for a debug log", []testCase{
		c("7.7/not/project", 404, get("/projects/999/jobs/101/trace", ada)).says(noProject),
		c("7.7/not/job", 404, get(widgets+"/jobs/999/trace", ada)).says(notFound),
		c("7.7/not/bridge", 404, get(widgets+"/jobs/131/trace", ada)).says(notFound),
		c("7.7/not/debug", 403, get(widgets+"/jobs/119/trace", cleo)).says(forbidden),
	}},
	{"10 `byte_offset` and `byte_limit` cut a slice: 200, no `Content-Range`", each(map[string]string{
		"offset": "byte_offset=10", "limit": "byte_limit=10", "both": "byte_offset=5&byte_limit=7",
		"zero": "byte_offset=0", "most": "byte_limit=512000", "least": "byte_limit=1",
		"beyond": "byte_offset=99999999", "beyond-64-bits": "byte_offset=99999999999999999999",
		"empty": "byte_offset=&byte_limit=", "no-value": "byte_offset", "leading-zero": "byte_offset=010",
		"twice": "byte_limit=5&byte_limit=3",
	}, func(name, query string) testCase {
		return c("7.7/slice/"+name, 200, get(trace+"?"+query, ada)).is(probed)
	})},
	{"10 Bad slices are 400", each(map[string]string{
		"negative": "byte_offset=-1", "no-limit": "byte_limit=0", "too-much": "byte_limit=512001",
		"negative-limit": "byte_limit=-5", "words": "byte_offset=a", "fraction": "byte_limit=1.5",
		"both": "byte_offset=x&byte_limit=0", "list": "byte_offset[]=1",
		"far-too-much": "byte_limit=99999999999999999999",
	}, func(name, query string) testCase { return c("7.7/bad-slice/"+name, 400, get(trace+"?"+query, ada)) })},
	{"10 A slice may cut a character", []testCase{
		c("7.7/cut/utf-8", 200, get(silent+"?byte_offset=1&byte_limit=1", ada)).given(logged([]byte("é"))).is(probed),
		c("7.7/cut/poll", 200, get(silent+"?byte_offset=0", ada), get(silent+"?byte_offset=3", ada),
			get(silent+"?byte_offset=6", ada)).given(logged([]byte("abcdef"))).is(probed),
	}},
	{"7.12 GET …/trigger_jobs is `/bridges` by another name; a GitLab without it is asked all the same", []testCase{
		c("7.12/list", 200, get(mainPL+"/trigger_jobs", ada)).says(`"downstream_pipeline":{"id":23681`),
		c("7.12/scope", 200, get(mainPL+"/trigger_jobs?scope=manual", ada)),
		c("7.12/old", 404, get(mainPL+"/trigger_jobs", ada)).says(noRoute).old(),
		c("7.12/guest", 403, get(mainPL+"/trigger_jobs", dan)),
		c("7.12/bridges-is-asked-by-its-name", 404, get(mainPL+"/bridges", ada)).given(withoutBridges),
	}},
}}

// withoutBridges is a GitLab that has dropped the deprecated route.
func withoutBridges(box *sandbox.Sandbox) {
	box.Fail(sandbox.Match{Route: sandbox.RouteBridges}, status(404, noRoute))
}

// everyJob asks for each job of the main pipeline, and for some of others.
func everyJob(prefix string) []testCase {
	var cases []testCase
	for id := sandbox.JobSuccess; id <= sandbox.JobManualDone; id++ {
		cases = append(cases, c(prefix+fmt.Sprint(id), 200, get(fmt.Sprintf("%s/jobs/%d", widgets, id), ada)))
	}
	for name, target := range map[string]string{
		"docs": docsJob, "nested": "/projects/3/jobs/301", "big": widgets + "/jobs/13372368128",
		"tag": widgets + "/jobs/13372368170", "live": widgets + "/jobs/141",
	} {
		cases = append(cases, c(prefix+name, 200, get(target, ada)))
	}
	slices.SortFunc(cases, func(a, b testCase) int { return strings.Compare(a.id, b.id) })
	return cases
}

// everyOldJob asks an old GitLab for the same.
func everyOldJob(prefix string) []testCase {
	cases := everyJob(prefix)
	for i := range cases {
		cases[i] = cases[i].old()
	}
	return cases
}
