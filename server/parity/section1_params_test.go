package parity

import (
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	force     = widgets + "/jobs/110/cancel" // of a job that is canceling: only force=true ends it
	badBody   = `{"error":"message body does not match declared format"}`
	badScope  = `{"error":"scope does not have a valid value"}`
	badString = "Bad Request"
)

// lists are the routes that take a scope.
var lists = map[string]string{
	"project-jobs": widgets + "/jobs", "pipeline-jobs": mainPL + "/jobs", "bridges": mainPL + "/bridges",
	"trigger-jobs": mainPL + "/trigger_jobs",
}

// scopes makes a case of every spelling on every list.
func scopes(prefix string, want int, says string, spellings map[string]string) []testCase {
	var cases []testCase
	for list, target := range lists {
		cases = append(cases, each(spellings, func(name, query string) testCase {
			return c(prefix+list+"/"+name, want, get(target+"?"+query, ada)).says(says)
		})...)
	}
	slices.SortFunc(cases, func(a, b testCase) int { return strings.Compare(a.id, b.id) })
	return cases
}

// forced are calls that end a job, if their parameters are read.
func forced(calls map[string]call) []testCase {
	return each(calls, func(name string, one call) testCase {
		return c("1/params/"+name, 201, one).says(`"status":"canceled"`)
	})
}

var section1Params = section{"1 Conventions: parameters", []rule{
	{"Parameters come from the query, a form or JSON, also of a POST, and are merged; the body wins", slices.Concat(
		forced(map[string]call{
			"post-query": post(force+"?force=true", ada), "form": post(force, ada, form("force=true")),
			"multipart":       post(force, ada, multipart("force", "true")),
			"json":            post(force, ada, jsonBody(`{"force":true}`)),
			"json-charset":    post(force, ada, sending("application/json; charset=utf-8", `{"force":true}`)),
			"json-capitals":   post(force, ada, sending("Application/JSON", `{"force":true}`)),
			"form-charset":    post(force, ada, sending("application/x-www-form-urlencoded; charset=UTF-8", "force=true")),
			"body-wins":       post(force+"?force=false", ada, form("force=true")),
			"json-wins":       post(force+"?force=false", ada, jsonBody(`{"force":true}`)),
			"both-places":     post(force+"?force=true&x=1", ada, jsonBody(`{"y":2}`)),
			"chunked":         post(force, ada, chunked("application/json", `{"force":true}`)),
			"chunked-form":    post(force, ada, chunked("application/x-www-form-urlencoded", "force=true")),
			"expect-continue": post(force, ada, header("Expect", "100-continue"), jsonBody(`{"force":true}`)),
			"last-one-wins":   post(force+"?force=false&force=true", ada),
			"last-in-form":    post(force, ada, form("force=false&force=true")),
			"json-space":      post(force, ada, jsonBody("\n {\n \"force\" : true }\n ")),
			"json-twice":      post(force, ada, jsonBody(`{"force":false,"force":true}`)),
			"json-no-type":    post(force, ada, sending("", `{"force":true}`)),
		}),
		[]testCase{
			c("1/params/get-form", 200, get(widgets+"/jobs", ada, form("scope[]=failed&per_page=3"))).says("X-Per-Page: 3"),
			c("1/params/get-form-and-query", 200, get(widgets+"/jobs?per_page=5&page=2", ada, form("per_page=3"))).says("X-Per-Page: 3"),
			c("1/params/get-json-is-not-read", 200, get(widgets+"/jobs", ada, jsonBody(`{"per_page":3}`))).says("X-Per-Page: 20"),
			c("1/params/get-json-trace", 200, get(widgets+"/jobs/101/trace", ada, jsonBody(`{"byte_limit":3}`))),
			c("1/params/get-form-job", 200, get(widgets+"/jobs/101", ada, form("a=1"))),
			c("1/params/json-text", 201, post(force, ada, jsonBody(`{"force":"t"}`))).says(`"canceled"`),
			c("1/params/json-null", 201, post(force, ada, jsonBody(`{"force":null}`))).says(`"canceling"`),
			c("1/params/no-value", 201, post(force+"?force", ada)).says(`"canceling"`),
			c("1/params/empty-value", 201, post(force+"?force=", ada)).says(`"canceling"`),
			c("1/params/path-wins", 200, get(widgets+"/jobs/101?id=2&job_id=103", ada)).says(`{"id":101,`),
			c("1/params/path-wins-list", 200, get(mainPL+"/jobs?id=2&pipeline_id=7&per_page=1", ada)).says("pipelines/100/jobs?id=1&"),
			c("1/params/path-wins-body", 201, post(force, ada, jsonBody(`{"id":"2","job_id":1,"force":true}`))).says(`{"id":110,`),
			c("1/params/many-body-kinds-empty", 201, post(force, ada, sending("text/xml", ""))),
			c("1/params/put-body", 405, do("PUT", widgets+"/jobs/101", ada, jsonBody(`{"a":1}`))),
		},
	)},
	{"A body that is not what its type says is 400, a type that the API does not read 415", slices.Concat(
		each(map[string]call{
			"not-json": post(force, ada, jsonBody("{")), "words": post(force, ada, jsonBody("force=true")),
			"more-behind":     post(force, ada, jsonBody(`{"force":true}{}`)),
			"no-type":         post(force, ada, sending("", "force=true")),
			"every-write":     post(widgets+"/jobs/104/play", ada, jsonBody(`{"a":`)),
			"retry":           post(widgets+"/jobs/102/retry", ada, jsonBody(`nul`)),
			"erase":           post(widgets+"/jobs/101/erase", ada, jsonBody(`"`)),
			"byte-order-mark": post(force, ada, jsonBody("\xef\xbb\xbf{}")), "trailing-comma": post(force, ada, jsonBody(`{"force":true,}`)),
			"single-quotes": post(force, ada, jsonBody(`{'force':true}`)),
		}, func(name string, one call) testCase { return c("1/bad-body/"+name, 400, one).says(badBody) }),
		[]testCase{
			c("1/bad-body/xml", 415, post(force, ada, sending("text/xml", "<force/>"))).says("The provided content-type 'text/xml' is not supported."),
			c("1/bad-body/octets", 415, post(force, ada, sending("application/octet-stream", "\x00\xff"))),
			c("1/bad-body/text", 415, post(widgets+"/jobs/104/play", ada, sending("text/plain", `{"force":true}`))),
			c("1/bad-body/empty-json", 201, post(force, ada, sending("application/json", ""))),
			c("1/bad-body/list", 201, post(force, ada, jsonBody(`[{"force":true}]`))).says(`"canceling"`),
			c("1/bad-body/null", 201, post(force, ada, jsonBody(`null`))).says(`"canceling"`),
			c("1/bad-body/number", 201, post(force, ada, jsonBody(`1`))),
			c("1/bad-body/empty-object", 201, post(force, ada, jsonBody(`{}`))),
			c("1/bad-body/no-boundary", 201, post(force, ada, sending("multipart/form-data", "force=true"))).says(`"canceling"`),
			c("1/bad-body/anonymous", 400, post(force, jsonBody("{"))),
		},
	)},
	{"Unknown parameters are ignored, and reach GitLab", []testCase{
		c("1/unknown-params/list", 200, get(widgets+"/jobs?colour=blue&x[]=1&x[]=2&y[a]=3&per_page=1", ada)).says("colour=blue"),
		c("1/unknown-params/pipeline", 200, get(mainPL+"/jobs?colour=blue&scope[]=failed&z", ada)),
		c("1/unknown-params/job", 200, get(widgets+"/jobs/101?statistics=true&a=%26%3D%2B", ada)),
		c("1/unknown-params/trace", 200, get(widgets+"/jobs/101/trace?a=b", ada)),
		c("1/unknown-params/token-job", 200, get("/job?a=b", jobToken(sandbox.JobTokenRunning))),
		c("1/unknown-params/form", 201, post(force, ada, form("force=true&a=b&c[]=d"))),
		c("1/unknown-params/json", 201, post(force, ada, jsonBody(`{"force":true,"a":{"b":[1,2.50,"x",null,true]},"n":12345678901234567890}`))),
		c("1/unknown-params/query-of-post", 200, post(widgets+"/jobs/104/play?a=b", ada)),
		c("1/unknown-params/ours", 200, get(widgets+"/jobs?page_size=3&page_token=x&request_id=y&extra_parameters=z&project=2", ada)),
		c("1/unknown-params/ours-in-json", 200, post(widgets+"/jobs/104/play", ada, jsonBody(`{"project":"2","request_id":"y","extra_parameters":[1],"job_variables":{}}`))),
		c("1/unknown-params/camel-case", 200, get(mainPL+"/jobs?includeRetried=true&perPage=3&gitlab_paging.page=2", ada)),
		c("1/unknown-params/odd-names", 200, get(widgets+"/jobs?a.b=1&a%5B=2&%5D=3&%C3%A9=4&a%20b=5&=6&&", ada)),
	}},
	{"`scope` is one word, or a list of them in brackets", scopes("1/scope/", 200, "", map[string]string{
		"one": "scope=failed", "brackets": "scope[]=failed&scope[]=manual", "one-in-brackets": "scope[]=manual",
		"escaped-brackets":  "scope%5B%5D=failed&scope%5b%5d=success",
		"repeated-brackets": "scope[]=failed&scope[]=failed", "no-value": "scope",
		"plain-after-brackets": "scope[]=nope&scope=manual",
		"all":                  "scope[]=created&scope[]=waiting_for_resource&scope[]=preparing&scope[]=waiting_for_callback&scope[]=pending&scope[]=running&scope[]=success&scope[]=failed&scope[]=canceling&scope[]=canceled&scope[]=skipped&scope[]=manual&scope[]=scheduled",
	})},
	{"`scope` repeated without brackets keeps the last", scopes("1/scope-last/", 200, "", map[string]string{
		"two": "scope=success&scope=failed", "three": "scope=success&page=1&scope=failed&scope=manual",
		"last-known": "scope=nope&scope=manual",
	})},
	{"A word that is no status, or an empty one, is 400", scopes("1/scope-bad/", 400, badScope, map[string]string{
		"unknown": "scope=cancelled", "finished": "scope=finished", "empty": "scope=", "empty-in-brackets": "scope[]=",
		"one-of-two": "scope[]=failed&scope[]=x", "capitals": "scope=Failed", "commas": "scope=failed,manual",
		"blank": "scope=+failed", "last-unknown": "scope=failed&scope=x", "list-of-lists": "scope[][]=failed",
		"no-value-in-brackets": "scope[]", "unspecified": "scope=unspecified", "enum-name": "scope=JOB_STATUS_FAILED",
	})},
	{"A hash as `scope` is taken on the jobs of a project, and 400 on those of a pipeline", slices.Concat(
		[]testCase{
			c("1/scope-hash/project", 200, get(widgets+"/jobs?scope[0]=manual&scope[7]=created", ada)),
			c("1/scope-hash/project-words", 200, get(widgets+"/jobs?scope[a]=manual", ada)),
			c("1/scope-hash/project-unknown", 400, get(widgets+"/jobs?scope[0]=x", ada)).says(badScope),
		},
		each(lists, func(name, target string) testCase {
			if name == "project-jobs" {
				return c("1/scope-hash/project-keyset", 200, get(target+"?scope[0]=manual&pagination=keyset", ada))
			}
			return c("1/scope-hash/"+name, 400, get(target+"?scope[0]=manual", ada)).says(badScope)
		}),
	)},
	{"A name for two kinds of things, a broken escape, bytes that are not UTF-8, a null byte: 400 in text", slices.Concat(
		scopes("1/malformed/", 400, badString, map[string]string{
			"brackets-after-plain": "scope=failed&scope[]=manual", "hash-after-list": "scope[]=failed&scope[a]=manual",
			"escape": "scope=%zz", "half-escape": "per_page=2%", "utf-8": "a=%ff", "null": "ref=a%00b",
			"null-in-list": "scope[]=%00",
		}),
		[]testCase{
			c("1/malformed/form", 400, post(force, ada, form("a=%ff"))).says(badString),
			c("1/malformed/form-kinds", 400, post(force, ada, form("a=1&a[]=2"))).says(badString),
			c("1/malformed/json-latin", 400, post(force, ada, jsonBody("{\"x\":\"\xe9\"}"))).says(badString),
			c("1/malformed/json-utf-16", 400, post(force, ada, sending("application/json; charset=utf-16", "\xff\xfe{\x00}\x00"))).says(badString),
			c("1/malformed/json-null-byte", 400, post(force, ada, jsonBody(`{"force":"\u0000"}`))).says(badString),
			c("1/malformed/job", 400, get(widgets+"/jobs/101?a=%ff", ada)).says(badString),
			c("1/malformed/trace", 400, get(widgets+"/jobs/101/trace?a=%zz", ada)).says(badString),
			c("1/malformed/token-job", 400, get("/job?a=%00", jobToken(sandbox.JobTokenRunning))).says(badString),
			c("1/malformed/project", 400, get("/projects/acme%2F%ff/jobs", ada)).says(badString),
			c("1/malformed/project-null", 400, get("/projects/acme%00/jobs", ada)).says(badString),
		},
	)},
	{"Lists of objects are spelt in brackets, or as JSON", each(map[string]change{
		"form":      form("job_variables_attributes[][key]=A&job_variables_attributes[][value]=1&job_variables_attributes[][key]=B&job_variables_attributes[][value]=2"),
		"escaped":   form("job_variables_attributes%5B%5D%5Bkey%5D=A&job_variables_attributes%5B%5D%5Bvalue%5D=%26%3D+%2B"),
		"json":      jsonBody(`{"job_variables_attributes":[{"key":"A","value":"1"},{"key":"B","value":""}]}`),
		"multipart": multipart("job_variables_attributes[][key]", "A", "job_variables_attributes[][value]", "one\r\ntwo"),
		"empty":     jsonBody(`{"job_variables_attributes":[]}`),
		"unicode":   jsonBody(`{"job_variables_attributes":[{"key":"A","value":"\u00e9 \ud83d\ude00 <&>"}]}`),
		"numbers":   jsonBody(`{"job_variables_attributes":[{"key":"A","value":1},{"key":"B","value":true},{"key":"C","value":1.50}]}`),
		"more":      jsonBody(`{"job_variables_attributes":[{"key":"A","value":"1","variable_type":"file"}]}`),
	}, func(name string, body change) testCase {
		return c("1/objects/"+name, 200, post(widgets+"/jobs/104/play", ben, body)).says(`"status":"pending"`)
	})},
	{"Lists of objects may stand in the query of a POST", []testCase{
		c("1/objects-query/one", 200, post(widgets+"/jobs/104/play?job_variables_attributes[][key]=A&job_variables_attributes[][value]=1", ben)),
		c("1/objects-query/escaped", 200, post(widgets+"/jobs/104/play?job_variables_attributes%5B%5D%5Bkey%5D=A&job_variables_attributes%5B%5D%5Bvalue%5D=%2B", ben)),
		c("1/objects-query/hash", 200, post(widgets+"/jobs/121/play?job_inputs[environment]=staging", ben)),
		c("1/objects-query/retry", 400, post(widgets+"/jobs/102/retry?inputs[foo]=1", ben)).says("Unknown input: foo"),
	}},
	{"`+` in a query is a blank; `%2B` is a plus", []testCase{
		c("1/plus/blank", 200, get(widgets+"/jobs?ref=+main+&per_page=1", ada)).says("ref=+main+"),
		c("1/plus/plus", 200, get(widgets+"/jobs?ref=main%2B", ada)).says("ref=main%2B"),
		c("1/plus/escaped-blank", 200, get(widgets+"/jobs?ref=%20main&per_page=1", ada)),
		c("1/plus/in-scope", 400, get(widgets+"/jobs?scope=failed+", ada)),
		c("1/plus/in-form", 201, post(force, ada, form("force=true&x=a+b%2Bc"))),
	}},
	{"Booleans have many spellings; everything else is 400", slices.Concat(
		each(map[string]string{
			"true": "true", "True": "True", "TRUE": "TRUE", "1": "1", "t": "t", "T": "T", "on": "on", "On": "On",
			"yes": "yes", "y": "y",
		}, func(name, word string) testCase {
			return c("1/bool/force-"+name, 201, post(force+"?force="+word, ada)).says(`"canceled"`)
		}),
		each(map[string]string{"false": "false", "0": "0", "f": "f", "off": "off", "no": "no", "n": "n", "empty": ""}, func(name, word string) testCase {
			return c("1/bool/force-"+name, 201, post(force+"?force="+word, ada)).says(`"canceling"`)
		}),
		each(map[string]string{"maybe": "maybe", "2": "2", "null": "null", "blank": "+true", "tru": "tru"}, func(name, word string) testCase {
			return c("1/bool/force-bad-"+name, 400, post(force+"?force="+word, ada)).says(`{"error":"force is invalid"}`)
		}),
		each(map[string]string{"one": `{"force":1}`, "zero": `{"force":0}`, "false": `{"force":false}`, "text": `{"force":"on"}`}, func(name, body string) testCase {
			return c("1/bool/json-"+name, 201, post(force, ada, jsonBody(body)))
		}),
		each(map[string]string{"list": `{"force":[]}`, "object": `{"force":{}}`, "number": `{"force":2}`, "fraction": `{"force":1.5}`}, func(name, body string) testCase {
			return c("1/bool/json-bad-"+name, 400, post(force, ada, jsonBody(body))).says("force is invalid")
		}),
		each(map[string]string{
			"true": "true", "On": "On", "1": "1", "false": "false", "0": "0", "empty": "",
			"twice": "false&include_retried=true",
		}, func(name, word string) testCase {
			return c("1/bool/include-retried-"+name, 200, get(mainPL+"/jobs?include_retried="+word, ada))
		}),
		[]testCase{
			c("1/bool/include-retried-bad", 400, get(mainPL+"/jobs?include_retried=maybe", ada)).says("include_retried is invalid"),
			c("1/bool/include-retried-no-value", 200, get(mainPL+"/jobs?include_retried", ada)),
			c("1/bool/include-retried-list", 400, get(mainPL+"/jobs?include_retried[]=true", ada)).says("include_retried is invalid"),
		},
	)},
}}
