package parity

import (
	"slices"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	noRoute   = `{"error":"404 Not Found"}`
	noProject = `{"message":"404 Project Not Found"}`
	moved     = "/projects/acme%2Fold-gadgets"
)

// ok are targets below /api/v4 that answer ada with 200.
func ok(prefix string, targets map[string]string) []testCase {
	return each(targets, func(name, target string) testCase { return c(prefix+name, 200, get(target, ada)) })
}

// unrouted are requests that no route takes, each a kind of its own.
func unrouted(prefix string, calls map[string]call) []testCase {
	return each(calls, func(name string, one call) testCase {
		return c(prefix+name, 404, one).says(noRoute).is(local)
	})
}

var section1Paths = section{"1 Conventions: paths", []rule{
	{"A path below `/api/v4` that no route takes is 404 with `error`, for every method and caller", unrouted("1/unknown/", map[string]call{
		"anonymous": get("/nothing"), "bad-token": get("/nothing", as("bad")), "root": get("", ada),
		"root-slash": get("/", ada), "deeper": get(widgets+"/jobs/101/trace/more", ada),
		"other-action": post(widgets+"/jobs/101/start", ada),
		"post":         post("/nothing", ada, jsonBody(`{"a":1}`)), "delete": do("DELETE", "/nothing", ada),
		"options": do("OPTIONS", "/nothing"), "with-query": get("/nothing?private_token=x&page=2"),
		"no-number": get(widgets+"/jobs//trace/x", ada), "letter-case": get("/PROJECTS/1/jobs", ada),
		"encoded-slash": get("/projects%2F1%2Fjobs", ada),
		"environment":   get(widgets+"/jobs/101/runtime_environment_key", ada),
		"cross-origin":  get("/nothing", header("Origin", "https://elsewhere.example")),
	})},
	{"`/api/v3` is gone: 410", each(map[string]call{
		"get": raw("GET", "/api/v3/projects/1/builds"), "post": raw("POST", "/api/v3/projects/1/builds"),
		"root": raw("GET", "/api/v3/"), "known-token": raw("GET", "/api/v3/x", ada),
		"delete": raw("DELETE", "/api/v3/x"),
	}, func(name string, one call) testCase {
		return c("1/v3/"+name, 410, one).says(`{"error":"API V3 is no longer supported. Use API V4 instead."}`).is(local)
	})},
	{"A project is a number, or a full path with `%2F`; a text of digits is a number", ok("1/project/", map[string]string{
		"number": "/projects/1/jobs", "path": "/projects/acme%2Fwidgets/jobs",
		"subgroup": "/projects/group%2Fsub%2Fproj/jobs", "encoded-digit": "/projects/%31/jobs",
		"leading-zero": "/projects/001/jobs", "path-job": "/projects/acme%2Fwidgets/jobs/101",
		"path-pipeline": "/projects/acme%2Fwidgets/pipelines/100/jobs",
		"path-trace":    "/projects/acme%2Fwidgets/jobs/101/trace",
	})},
	{"A path's letter case does not matter, nor how its characters are escaped", ok("1/project-case/", map[string]string{
		"capitals": "/projects/ACME%2FWidgets/jobs", "small-hex": "/projects/acme%2fwidgets/jobs",
		"escaped-letter": "/projects/acme%2Fwid%67ets/jobs", "subgroup": "/projects/Group%2fSUB%2Fproj/jobs",
		"job": "/projects/ACME%2fwidgets/jobs/101",
	})},
	{"Any other text for a project is 404 `404 Project Not Found`", each(map[string]string{
		"word": "widgets", "negative": "-1", "dash": "-", "fraction": "1.5", "exponent": "1e0", "blank": "%20", "missing": "999",
		"beyond-64-bits": "99999999999999999999", "missing-path": "acme%2Fnothing", "dot": "acme%2Fwidgets%2E",
		"plain-dot": "acme%2Fwidgets.", "double-encoded": "acme%252Fwidgets", "plus": "acme%2Fwid+gets",
		"utf-8": "caf%C3%A9%2Fbar", "empty-part": "acme%2F%2Fwidgets", "leading-slash": "%2Facme%2Fwidgets",
		"trailing-slash": "acme%2Fwidgets%2F", "tilde": "~ada", "brackets": "a%5Bb%5D", "quote": "a'b", "colon": "a:b",
		"question": "a%3Fb", "hash": "a%23b", "percent": "a%25b", "backslash": "acme%5Cwidgets",
	}, func(name, project string) testCase {
		return c("1/no-project/"+name, 404, get("/projects/"+project+"/jobs", ada)).says(noProject)
	})},
	{"An un-encoded project path is no route", unrouted("1/unencoded/", map[string]call{
		"jobs": get("/projects/acme/widgets/jobs", ada), "job": get("/projects/acme/widgets/jobs/101", ada),
		"post":     post("/projects/acme/widgets/jobs/104/play", ada),
		"subgroup": get("/projects/group/sub/proj/jobs", ada), "half": get("/projects/group%2Fsub/proj/jobs", ada),
	})},
	{"A moved project's old path answers reads with 301, `Location` and text", slices.Concat(
		each(map[string]string{
			"jobs": "/jobs", "pipeline-jobs": "/pipelines/400/jobs", "bridges": "/pipelines/400/bridges",
			"trigger-jobs": "/pipelines/400/trigger_jobs", "job": "/jobs/401", "trace": "/jobs/401/trace",
			"query": "/jobs?page=2&scope[]=failed&x=%2F+y", "json": "/jobs/401.json", "unknown-job": "/jobs/1",
			"slice": "/jobs/401/trace?byte_offset=3",
		}, func(name, rest string) testCase {
			return c("1/moved/"+name, 301, get(moved+rest, ada)).says("This resource has been moved permanently to https://gitlab.example.com/api/v4/projects/4")
		}),
		[]testCase{
			c("1/moved/head", 301, head(moved+"/jobs", ada)).says("Location: https://"),
			c("1/moved/letter-case", 301, get("/projects/Acme%2fOLD-gadgets/jobs/401", ada)),
			c("1/moved/token-in-query", 301, get(moved+"/jobs?private_token="+sandbox.TokenMaintainer+"&page=2")).says("private_token"),
			c("1/moved/only-a-token", 301, get(moved+"/jobs?private_token="+sandbox.TokenMaintainer)),
			c("1/moved/job-token", 301, get(moved+"/jobs", jobToken(sandbox.JobTokenRunning))),
			c("1/moved/bad-scope-first", 400, get(moved+"/jobs?scope=x", ada)),
			c("1/moved/number-is-not", 200, get("/projects/4/jobs", ada)),
			c("1/moved/new-path-is-not", 200, get("/projects/acme%2Fgadgets/jobs", ada)),
			c("1/moved/hidden", 404, get(moved+"/jobs", finn)).says(noProject),
			c("1/moved/anonymous", 401, get(moved+"/jobs")),
		},
	)},
	{"A moved project's old path answers writes with 405, and nothing is done", writing(func(name string, _ endpoint) testCase {
		return c("1/moved-write/"+name, 405, post(moved+"/jobs/401/"+name, ada)).
			says(`{"message":"Non GET methods are not allowed for moved projects"}`)
	})},
	{"A `.json` suffix is accepted", everywhere(func(name string, e endpoint) testCase {
		return c("1/json-suffix/"+name, e.status, do(e.method, e.target+".json", e.caller))
	})},
	{"Other suffixes belong to the name before them", []testCase{
		c("1/suffix/xml", 400, get(widgets+"/jobs/101.xml", ada)).says("job_id is invalid"),
		c("1/suffix/capitals", 400, get(widgets+"/jobs/101.JSON", ada)).says("job_id is invalid"),
		c("1/suffix/twice", 400, get(widgets+"/jobs/101.json.json", ada)).says("job_id is invalid"),
		c("1/suffix/list", 404, get(widgets+"/jobs.xml", ada)).says(noRoute).is(local),
		c("1/suffix/encoded", 400, get(widgets+"/jobs/101%2Ejson", ada)).says("job_id is invalid"),
	}},
	{"A slash at the end, or two in a row, do not matter", slices.Concat(
		everywhere(func(name string, e endpoint) testCase {
			return c("1/slash/"+name, e.status, do(e.method, e.target+"/", e.caller))
		}),
		[]testCase{
			c("1/slash/query", 200, get(widgets+"/jobs/?per_page=1", ada)),
			c("1/slash/json", 200, get(widgets+"/jobs/101.json/", ada)),
			c("1/slash/two-at-the-end", 200, get(widgets+"/jobs//", ada)),
			c("1/slash/two-inside", 200, get("/projects/1//jobs", ada)),
			c("1/slash/two-at-the-start", 200, get("//projects/1/jobs", ada)),
			c("1/slash/post", 200, post("/projects/1//jobs/104/play", ada)),
		},
	)},
	{"Nor do slashes in a row before the version; links then have one", []testCase{
		c("1/slash-before/api", 200, raw("GET", "//api/v4/projects/1/jobs", ada)).but(together(named("Link"), part(0, 1<<30), asked(1))),
		c("1/slash-before/version", 200, raw("GET", "/api//v4/projects/1/jobs", ada)).but(together(answers(200), part(0, 1<<30), asked(1))),
	}},
	{"GitLab may live below a relative URL root", []testCase{
		c("1/relative-root/list", 200, get(widgets+"/jobs?per_page=2", ada)).under("/gitlab"),
		c("1/relative-root/job", 200, get("/projects/acme%2Fwidgets/jobs/101", ada)).under("/gitlab"),
		c("1/relative-root/trace", 200, get(widgets+"/jobs/101/trace", ada)).under("/gitlab"),
		c("1/relative-root/moved", 301, get(moved+"/jobs", ada)).under("/gitlab"),
		c("1/relative-root/walk", 200, get(mainPL+"/jobs?per_page=10", ada)).under("/gitlab").walks(),
	}},
}}
