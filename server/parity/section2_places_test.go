package parity

import (
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	unauthorized = `{"message":"401 Unauthorized"}`
	jobs         = widgets + "/jobs"
	playManual   = widgets + "/jobs/104/play"
	developer    = sandbox.TokenDeveloper
	oauth        = sandbox.TokenOAuth
	running      = sandbox.JobTokenRunning
)

// admitted are calls that name their caller well enough.
func admitted(prefix string, want int, calls map[string]call) []testCase {
	return each(calls, func(name string, one call) testCase { return c(prefix+name, want, one) })
}

// refused are calls whose credential is not taken.
func refused(prefix string, calls map[string]call) []testCase {
	return each(calls, func(name string, one call) testCase { return c(prefix+name, 401, one) })
}

var section2Places = section{"2 Authentication: where a credential stands", []rule{
	{"An access token is taken as a parameter, in its header, and as Bearer", slices.Concat(
		admitted("2/access-token/", 200, map[string]call{
			"query": get(jobs + "?private_token=" + developer), "header": get(jobs, ben),
			"json-twice":        post(playManual, jsonBody(`{"private_token":"bad","private_token":"`+developer+`"}`)),
			"json-escaped-name": post(playManual, jsonBody(`{"private\u005ftoken":"`+developer+`"}`)),
			"two-blanks":        get(jobs, header("Authorization", "Bearer  "+developer)),
			"blanks-behind":     get(jobs, bearer(developer+"  ")), "blanks-around": get(jobs, as("  "+developer+"  ")),
			"behind-many":    get(jobs + "?" + strings.Repeat("a=1&", 70) + "private_token=" + developer),
			"semicolon":      get(jobs + "?a=1;b=2&per_page=2&private_token=" + developer),
			"bearer":         get(jobs, bearer(developer)),
			"bearer-small":   get(jobs, header("Authorization", "bearer "+developer)),
			"header-small":   get(jobs, header("private-token", developer)),
			"query-job":      get(widgets + "/jobs/101?private_token=" + developer),
			"query-trace":    get(widgets + "/jobs/101/trace?private_token=" + developer),
			"query-pipeline": get(mainPL + "/jobs?private_token=" + developer + "&scope=failed"),
			"query-bridges":  get(mainPL + "/bridges?private_token=" + developer),
			"form":           post(playManual, form("private_token="+developer)),
			"json":           post(playManual, jsonBody(`{"private_token":"`+developer+`"}`)),
			"multipart":      post(playManual, multipart("private_token", developer, "a", "b")),
			"post-query":     post(playManual + "?private_token=" + developer), "post-header": post(playManual, ben),
			"post-bearer": post(playManual, bearer(developer)), "get-form": get(jobs, form("private_token="+developer)),
			"escaped":           get(jobs + "?private%5Ftoken=glpat%2Dsandbox-developer"),
			"json-more":         post(playManual, jsonBody(`{"private_token":"`+developer+`","job_variables_attributes":[{"key":"A","value":"1"}],"x":1.50}`)),
			"form-more":         post(playManual, form("private_token="+developer+"&job_variables_attributes[][key]=A&job_variables_attributes[][value]=%2B")),
			"last-of-two":       get(jobs + "?private_token=bad&private_token=" + developer),
			"head":              head(jobs + "?private_token=" + developer),
			"access-token-name": get(jobs + "?access_token=" + developer),
			"bearer-token-name": get(jobs + "?bearer_token=" + developer),
			"slash":             get(jobs + "/?private_token=" + developer),
			"json-suffix":       get(jobs + ".json?private_token=" + developer),
			"odd-value":         get(jobs + "?per_page=03&page=1&private_token=" + developer + "&ref=+"),
		}),
		refused("2/access-token-refused/", map[string]call{
			"unknown-query": get(jobs + "?private_token=bad"), "unknown-header": get(jobs, as("bad")),
			"unknown-bearer": get(jobs, bearer("bad")), "empty-header": get(jobs, as("")),
			"empty-query": get(jobs + "?private_token="), "blank": get(jobs, bearer("")),
			"no-scheme":    get(jobs, header("Authorization", developer)),
			"other-scheme": get(jobs, header("Authorization", "Token "+developer)),
			"capitals":     get(jobs, as(strings.ToUpper(developer))),
			"not-a-text":   post(playManual, jsonBody(`{"private_token":["`+developer+`"]}`)),
			"odd-place":    get(jobs + "?PRIVATE-TOKEN=" + developer), "utf-8": get(jobs, as("glpat-é")),
			"list": get(jobs + "?private_token[]=" + developer), "two-schemes": get(jobs, bearer("Bearer "+developer)),
		}),
	)},
	{"Of several access tokens the parameter wins over the header, the header over Bearer", slices.Concat(
		refused("2/precedence/", map[string]call{
			"parameter-over-header": get(jobs+"?private_token=bad", ben),
			"header-over-bearer":    get(jobs, as("bad"), bearer(developer)),
			"parameter-over-bearer": get(jobs+"?private_token=bad", bearer(developer)),
			"body-over-query":       post(playManual+"?private_token="+developer, form("private_token=bad")),
			"last-of-json":          post(playManual, jsonBody(`{"private_token":"`+developer+`","private_token":"bad"}`)),
			"number-over-header":    post(playManual, ben, jsonBody(`{"private_token":5}`)),
			"json-over-header":      post(playManual, ben, jsonBody(`{"private_token":"bad"}`)),
			"form-over-header":      post(playManual, ben, form("private_token=bad")),
		}),
		admitted("2/precedence/", 200, map[string]call{
			"good-parameter":  get(jobs+"?private_token="+developer, as("bad"), bearer("bad")),
			"good-header":     get(jobs, ben, bearer("bad")),
			"good-body":       post(playManual+"?private_token=bad", jsonBody(`{"private_token":"`+developer+`"}`)),
			"empty-parameter": get(jobs+"?private_token=", ben),
			"false-parameter": post(playManual, ben, jsonBody(`{"private_token":false}`)),
			"null-parameter":  post(playManual, ben, jsonBody(`{"private_token":null}`)),
			"empty-header":    get(jobs, as(""), bearer(developer)),
		}),
	)},
	{"An OAuth token is taken as `access_token`, as Bearer, and as `bearer_token`, in this order, and before access tokens", slices.Concat(
		admitted("2/oauth/", 200, map[string]call{
			"bearer": get(jobs, bearer(oauth)), "access-token": get(jobs + "?access_token=" + oauth),
			"bearer-token": get(jobs + "?bearer_token=" + oauth), "form": post(playManual, form("access_token="+oauth)),
			"json":                           post(playManual, jsonBody(`{"access_token":"`+oauth+`"}`)),
			"access-token-over-bearer":       get(jobs+"?access_token="+oauth, bearer("bad")),
			"access-token-over-bearer-token": get(jobs + "?bearer_token=bad&access_token=" + oauth),
			"bearer-over-bearer-token":       get(jobs+"?bearer_token=bad", bearer(oauth)),
			"over-access-token":              get(jobs, as("bad"), bearer(oauth)),
			"parameter-over-access-token":    get(jobs+"?access_token="+oauth, as("bad")),
			"post":                           post(playManual, bearer(oauth)),
			"empty-access-token":             get(jobs+"?access_token=", bearer(oauth)),
		}),
		refused("2/oauth-refused/", map[string]call{
			"private-token": get(jobs, as(oauth)), "private-token-parameter": get(jobs + "?private_token=" + oauth),
			"bad-access-token":  get(jobs+"?access_token=bad", bearer(oauth)),
			"expired":           get(jobs, bearer(sandbox.TokenOAuthExpired)),
			"expired-parameter": get(jobs + "?access_token=" + sandbox.TokenOAuthExpired),
			"bad-bearer":        get(jobs+"?bearer_token="+oauth, bearer("bad")),
		}),
	)},
	{"A job token is taken as `job_token`, `token`, `JOB-TOKEN`, in this order, and as Bearer", slices.Concat(
		admitted("2/job-token/", 200, map[string]call{
			"job-token-query": get("/job?job_token=" + running), "token-query": get("/job?token=" + running),
			"header": get("/job", jobToken(running)), "bearer": get("/job", bearer(running)),
			"job-token-over-token":       get("/job?token=bad&job_token=" + running),
			"token-over-header":          get("/job?token="+running, jobToken("bad")),
			"access-token-parameter":     get("/job?access_token=" + running),
			"bearer-before-access-token": get("/job", bearer(running), ben),
			"agents":                     get("/job/allowed_agents?job_token=" + running),
			"list":                       get(jobs + "?job_token=" + running + "&per_page=2"),
			"pipeline":                   get(mainPL + "/jobs?token=" + running),
			"get-form":                   get("/job", form("token="+running)),
			"private-token-is-none":      get("/job", as(running), jobToken(running)), "head": head("/job?token=" + running),
			"bearer-token-parameter": get("/job?bearer_token=" + running),
			"empty-job-token":        get("/job?job_token=&token=" + running),
		}),
		refused("2/job-token-refused/", map[string]call{
			"bad-job-token": get("/job?token=" + running + "&job_token=bad"),
			"bad-token":     get("/job?token=bad", jobToken(running)),
			"too-long":      get("/job", jobToken(strings.Repeat("x", 8193))),
			"longest":       get("/job", jobToken(strings.Repeat("x", 8192))), "private-token": get("/job", as(running)),
			"access-token-first": get("/job", as("bad"), jobToken(running)),
			"unknown":            get("/job", jobToken("glcbt-unknown")),
		}),
	)},
	{"A job token works only while its job runs", []testCase{
		c("2/job-token-life/finished", 401, get("/job", jobToken(sandbox.JobTokenFinished))).says(unauthorized),
		c("2/job-token-life/all-of-it", 401, get("/job", jobToken(sandbox.JobTokenLive)), get("/job", jobToken(sandbox.JobTokenLive), after(20e9)),
			get("/job", jobToken(sandbox.JobTokenLive), after(60e9))),
		c("2/job-token-life/revoked", 401, get("/job", jobToken(running))).given(func(box *sandbox.Sandbox) { box.Revoke(running) }),
	}},
	{"HTTP Basic is no credential, nor is a deploy token", refused("2/basic/", map[string]call{
		"deploy-token":        get(jobs, header("Deploy-Token", "gldt-0123456789")),
		"deploy-token-bearer": get(jobs, bearer("gldt-0123456789")),
		"password":            get(jobs, header("Authorization", "Basic YWRhOnNlY3JldA==")),
		"token":               get(jobs, header("Authorization", "Basic OmdscGF0LXNhbmRib3gtZGV2ZWxvcGVy")),
		"job-token":           get("/job", header("Authorization", "Basic Z2l0bGFiLWNpLXRva2VuOmdsY2J0LXNhbmRib3gtcnVubmluZw==")),
		"broken":              get(jobs, header("Authorization", "Basic %%%")),
		"public":              get("/projects/2/jobs/201", header("Authorization", "Basic YTpi")),
	})},
	{"Basic beside a token, or on a public pipeline, is ignored", admitted("2/basic-ignored/", 200, map[string]call{
		"beside-token": get(jobs, header("Authorization", "Basic YWRhOnNlY3JldA=="), ben),
		"anonymous":    get("/projects/2/pipelines/200/jobs", header("Authorization", "Basic YWRhOnNlY3JldA==")),
	})},
	{"A credential that is twice in the header is none", refused("2/twice/", map[string]call{
		"private-token": get(jobs, ben, as(developer)), "bearer": get(jobs, bearer(developer), bearer("bad")),
		"job-token": get("/job", jobToken(running), jobToken("bad")),
		"dpop":      get(jobs, as(sandbox.TokenDPoP), header("DPoP", "a.b.c"), header("DPoP", "d.e.f")),
	})},
}}
