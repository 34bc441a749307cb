package parity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// methods makes a case of each of some methods on each of some endpoints.
func methods(prefix string, over func(func(string, endpoint) testCase) []testCase, words ...string) []testCase {
	var cases []testCase
	for _, word := range words {
		cases = append(cases, over(func(name string, e endpoint) testCase {
			return c(prefix+strings.ToLower(word)+"-"+name, 405, do(word, e.target, e.caller)).says("Allow: OPTIONS, " + e.method)
		})...)
	}
	return cases
}

var section1Methods = section{"1 Conventions: methods and values", []rule{
	{"HEAD is answered wherever GET is, with GET's fields and no body", slices.Concat(
		reading(func(name string, e endpoint) testCase {
			return c("1/head/"+name, 200, head(e.target, e.caller)).says("Content-Length:")
		}),
		[]testCase{
			c("1/head/scope", 200, head(widgets+"/jobs?scope[]=failed&per_page=2", ada)),
			c("1/head/slice", 200, head(widgets+"/jobs/101/trace?byte_limit=5", ada)).says("Content-Length: 5"),
			c("1/head/empty-log", 200, head(widgets+"/jobs/123/trace", ada)).says("Content-Length: 0"),
			c("1/head/not-found", 404, head(widgets+"/jobs/999", ada)),
			c("1/head/unauthorized", 401, head(widgets+"/jobs")),
			c("1/head/forbidden", 403, head(widgets+"/jobs", dan)),
			c("1/head/invalid", 400, head(widgets+"/jobs?per_page=x", ada)),
			c("1/head/keyset", 200, head(widgets+"/jobs?pagination=keyset&per_page=3", ada)).says("X-Next-Cursor: e"),
			c("1/head/read-api", 200, head(widgets+"/jobs/101", as(sandbox.TokenReadAPI))),
		},
	)},
	{"HEAD of a write is 405", methods("1/head-405/", writing, "HEAD")},
	{"OPTIONS is 204 with `Allow`, on every route and for everybody", slices.Concat(
		everywhere(func(name string, e endpoint) testCase {
			return c("1/options/"+name, 204, do("OPTIONS", e.target)).says("Allow: OPTIONS, " + e.method)
		}),
		[]testCase{
			c("1/options/with-token", 204, do("OPTIONS", widgets+"/jobs", ada)),
			c("1/options/missing-project", 204, do("OPTIONS", "/projects/999/jobs")),
			c("1/options/path", 204, do("OPTIONS", "/projects/acme%2Fwidgets/jobs/abc/play")),
			c("1/options/json", 204, do("OPTIONS", widgets+"/jobs.json")),
			c("1/options/body", 204, do("OPTIONS", widgets+"/jobs", form("a=1"))),
		},
	)},
	{"A wrong method is 405 with `Allow`, before anybody is asked who they are", slices.Concat(
		methods("1/method/", everywhere, "PUT", "PATCH", "DELETE"),
		methods("1/method/", reading, "POST"),
		methods("1/method/", writing, "GET"),
		[]testCase{
			c("1/method/unknown-word", 405, do("BREW", widgets+"/jobs", ada)).is(local),
			c("1/method/small-letters", 405, do("get", widgets+"/jobs", ada)).is(local),
			c("1/method/trace", 405, do("TRACE", widgets+"/jobs", ada)).is(local),
			c("1/method/anonymous", 405, do("DELETE", widgets+"/jobs/101")).says("Allow: OPTIONS, GET, HEAD"),
			c("1/method/erase-by-delete", 405, do("DELETE", widgets+"/jobs/101/erase", ada)).says("Allow: OPTIONS, POST"),
			c("1/method/body", 405, do("PUT", widgets+"/jobs/104/play", ada, jsonBody(`{"a":1}`))),
			c("1/method/missing-project", 405, do("DELETE", "/projects/999/jobs/1", ada)),
		},
	)},
	{"IDs and sizes are JSON numbers of 64 bits", []testCase{
		c("1/numbers/job", 200, get(fmt.Sprintf("%s/jobs/%d", widgets, sandbox.JobBig), ada)).says(`{"id":13372368128,`),
		c("1/numbers/list", 200, get(widgets+"/jobs?per_page=100", ada)).says(`"size":322`),
		c("1/numbers/pipeline", 200, get(fmt.Sprintf("%s/pipelines/%d/jobs?per_page=100", widgets, sandbox.PipelineBig), ada)).says(`"id":2368124402`),
		c("1/numbers/beyond-64-bits", 404, get(widgets+"/jobs/99999999999999999999", ada)),
		c("1/numbers/negative", 404, get(widgets+"/jobs/-1", ada)),
		c("1/numbers/zero", 404, get(widgets+"/jobs/0", ada)),
		c("1/numbers/plus", 200, get(widgets+"/jobs/+101", ada)),
		c("1/numbers/leading-zero", 200, get(widgets+"/jobs/0101", ada)),
		c("1/numbers/pipeline-negative", 404, get(widgets+"/pipelines/-5/jobs", ada)),
	}},
	{"Times have three digits of a second; a commit's keep the author's offset", []testCase{
		c("1/times/offset", 200, get(widgets+"/jobs/101", ada)).says(`+01:00"`),
		c("1/times/digits", 200, get(widgets+"/jobs/117", ada)).says(`"created_at":"2026-03-04T11:00:00.079Z"`),
	}},
	{"Null is not absent", []testCase{
		c("1/null/no-user", 200, get(widgets+"/jobs/118", ada)).says(`"user":null,"commit":null`),
		c("1/null/not-started", 200, get(widgets+"/jobs/104", ada)).says(`"started_at":null`),
		c("1/null/failure-reason", 200, get(widgets+"/jobs/102", ada)).says(`"failure_reason":"script_failure"`),
		c("1/null/no-artifacts-file", 200, get(widgets+"/jobs/123", ada)).says(`"artifacts":[]`),
		c("1/null/downstream", 200, get(mainPL+"/bridges", ada)).says(`"downstream_pipeline":null`),
	}},
	{"Durations are fractions, whole ones too", []testCase{
		c("1/durations/whole", 200, get(widgets+"/jobs/117", ada)).says(`"duration":240.0,`),
		c("1/durations/microseconds", 200, get(widgets+"/jobs/101", ada)).says(`"duration":76.466144`),
		c("1/durations/grows", 200, get(widgets+"/jobs/103", ada), get(widgets+"/jobs/103", ada, after(1500e6))),
		c("1/durations/coverage", 200, get(widgets+"/jobs/101", ada)).says(`"coverage":87.4`),
	}},
	{"Successes are bare objects and arrays of `application/json`; a log is `text/plain`", everywhere(func(name string, e endpoint) testCase {
		one := c("1/bare/"+name, e.status, do(e.method, e.target, e.caller))
		if name == "trace" {
			return one.says("Content-Type: text/plain")
		}
		return one.says("Content-Type: application/json")
	})},
	{"What a caller accepts does not matter", []testCase{
		c("1/accept/xml", 200, get(widgets+"/jobs/101", ada, header("Accept", "application/xml"))),
		c("1/accept/browser", 200, get(widgets+"/jobs/101", ada, header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"))),
		c("1/accept/json-trace", 200, get(widgets+"/jobs/101/trace", ada, header("Accept", "application/json"))),
		c("1/accept/gzip", 200, get(widgets+"/jobs", ada, header("Accept-Encoding", "gzip, br"))),
		c("1/accept/language", 200, get(widgets+"/jobs", ada, header("Accept-Language", "de"))),
	}},
}}
