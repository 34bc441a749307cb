package parity

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const notFound = `{"message":"404 Not found"}`

// failing arms a fault for everything that comes.
func failing(f sandbox.Fault) func(*sandbox.Sandbox) {
	return func(box *sandbox.Sandbox) { box.Fail(sandbox.Match{}, f) }
}

// status is an answer of GitLab's, or of what stands in front of it.
func status(code int, body string, fields ...string) sandbox.Fault {
	f := sandbox.Fault{Kind: sandbox.StatusFault, Status: code, Body: body, Header: map[string]string{}}
	for pair := range slices.Chunk(fields, 2) {
		f.Header[pair[0]] = pair[1]
	}
	return f
}

// failures plays answers that have nothing to do with the request, on a read of each kind and on a write.
func failures(prefix string, answers map[string]sandbox.Fault) []testCase {
	var cases []testCase
	for name, one := range map[string]call{
		"job": get(widgets+"/jobs/101", ada), "list": get(mainPL+"/jobs?scope=failed", ada),
		"trace": get(widgets+"/jobs/101/trace", ada), "write": post(playManual, ada), "head": head(jobs, ada),
		"relayed": get(jobs+"?per_page=x", ada), "token-job": get("/job", jobToken(running)),
	} {
		cases = append(cases, each(answers, func(what string, f sandbox.Fault) testCase {
			return c(prefix+what+"/"+name, f.Status, one).given(failing(f))
		})...)
	}
	slices.SortFunc(cases, func(a, b testCase) int { return strings.Compare(a.id, b.id) })
	return cases
}

// invalid are values of a parameter that is a number.
func invalid(prefix string, targets map[string]string) []testCase {
	return each(targets, func(name, target string) testCase {
		return c(prefix+name, 400, get(target, ada)).says(fmt.Sprintf(`{"error":"%s is invalid"}`, strings.ReplaceAll(name, "-", "_")))
	})
}

var section3 = section{"3 Error bodies", []rule{
	{"400 `… is invalid` for a value of the wrong type", slices.Concat(
		invalid("3/400/", map[string]string{
			"job-id": widgets + "/jobs/abc", "pipeline-id": widgets + "/pipelines/abc/jobs", "page": jobs + "?page=abc",
			"per-page": jobs + "?per_page=1.5", "byte-offset": widgets + "/jobs/101/trace?byte_offset=x",
			"byte-limit":      widgets + "/jobs/101/trace?byte_limit=1e3",
			"include-retried": mainPL + "/jobs?include_retried=maybe", "ref": jobs + "?ref[]=main",
		}),
		writing(func(name string, _ endpoint) testCase {
			return c("3/400/job-id-"+name, 400, post(widgets+"/jobs/1x/"+name, ada)).says(`{"error":"job_id is invalid"}`)
		}),
		[]testCase{
			c("3/400/force", 400, post(force+"?force=maybe", ada)).says(`{"error":"force is invalid"}`),
			c("3/400/pipeline-id-bridges", 400, get(widgets+"/pipelines/x/bridges", ada)),
			c("3/400/pipeline-id-trigger-jobs", 400, get(widgets+"/pipelines/1.0/trigger_jobs", ada)),
			c("3/400/trace-job-id", 400, get(widgets+"/jobs/abc/trace", ada)),
			c("3/400/several", 400, get(jobs+"?scope=x&page=y&per_page=z", ada)).says(`{"error":"scope does not have a valid value, page is invalid, per_page is invalid"}`),
			c("3/400/job-id-dash", 400, get(widgets+"/jobs/-", ada)),
			c("3/400/job-id-latin", 400, get(widgets+"/jobs/%C3%A9", ada)),
			c("3/400/job-id-long", 400, get(widgets+"/jobs/"+strings.Repeat("a", 300), ada)),
			c("3/400/job-id-slash", 400, get(widgets+"/jobs/1%2F2", ada)),
		},
	)},
	{"400 for words and numbers that are not allowed", []testCase{
		c("3/400-value/scope", 400, get(jobs+"?scope=cancelled", ada)).says(badScope),
		c("3/400-value/empty-scope", 400, get(jobs+"?scope=", ada)).says(badScope),
		c("3/400-value/per-page-0", 400, get(jobs+"?per_page=0", ada)).says(`{"error":"per_page has a value not allowed"}`),
		c("3/400-value/per-page-0-pipeline", 400, get(mainPL+"/bridges?per_page=0", ada)),
		c("3/400-value/byte-offset", 400, get(widgets+"/jobs/101/trace?byte_offset=-1", ada)).says(`{"error":"byte_offset does not have a valid value"}`),
		c("3/400-value/byte-limit-0", 400, get(widgets+"/jobs/101/trace?byte_limit=0", ada)).says(`{"error":"byte_limit does not have a valid value"}`),
		c("3/400-value/byte-limit", 400, get(widgets+"/jobs/101/trace?byte_limit=512001", ada)),
	}},
	{"400 for each fault of a variable, joined with commas", each(map[string]string{
		"key": `[{"value":"a"}]`, "value": `[{"key":"a"}]`, "both": `[{}]`, "two": `[{"value":"a"},{"key":"K"}]`,
		"null": `[{"key":null,"value":"a"}]`, "list": `[{"key":["a"],"value":"a"}]`,
		"object": `[{"key":"a","value":{}}]`, "not-a-list": `{"key":"a"}`, "text": `"a"`, "list-of-texts": `["a"]`,
	}, func(name, list string) testCase {
		return c("3/400-variable/"+name, 400, post(playManual, ben, jsonBody(`{"job_variables_attributes":`+list+`}`))).says(`{"error":"job_variables_attributes`)
	})},
	{"400 for faults of variables in a form", []testCase{
		c("3/400-variable-form/value", 400, post(playManual, ben, form("job_variables_attributes[][key]=A&job_variables_attributes[][key]=B"))).says("job_variables_attributes[0][value] is missing, job_variables_attributes[1][value] is missing"),
		c("3/400-variable-form/hash", 400, post(playManual, ben, form("job_variables_attributes[0][key]=A&job_variables_attributes[0][value]=1"))),
		c("3/400-variable-form/plain", 400, post(playManual, ben, form("job_variables_attributes=A"))),
	}},
	{"400 `Unplayable Job`, and 400 for bad inputs", []testCase{
		c("3/400-job/unplayable", 400, post(widgets+"/jobs/103/play", ben)).says(`{"message":"400 Bad request - Unplayable Job"}`),
		c("3/400-job/unknown-input", 400, post(widgets+"/jobs/102/retry", ben, jsonBody(`{"inputs":{"foo":1}}`))).says(`{"message":"400 Bad request - Unknown input: foo"}`),
		c("3/400-job/bad-input", 400, post(widgets+"/jobs/121/play", ben, jsonBody(`{"job_inputs":{"environment":"nowhere"}}`))).says("it is not in the list of allowed options"),
		c("3/400-job/input-type", 400, post(widgets+"/jobs/121/play", ben, jsonBody(`{"job_inputs":{"dry_run":"true"}}`))).says("provided value is not a boolean"),
		c("3/400-job/inputs-no-hash", 400, post(widgets+"/jobs/102/retry", ben, jsonBody(`{"inputs":[1]}`))).says("inputs is invalid"),
		c("3/400-job/job-inputs-no-hash", 400, post(playManual, ben, form("job_inputs=a"))).says("job_inputs is invalid"),
	}},
	{"401 without a credential, and for an unknown one, or a kind that is not taken here", []testCase{
		c("3/401/none", 401, get(jobs)).says(unauthorized),
		c("3/401/unknown", 401, get(jobs, as("glpat-unknown"))).says(unauthorized),
		c("3/401/finished-job", 401, get("/job", jobToken(sandbox.JobTokenFinished))).says(unauthorized),
		c("3/401/kind", 401, get(widgets+"/jobs/103", jobToken(running))).says(unauthorized),
		c("3/401/write", 401, post(playManual)).says(unauthorized),
		c("3/401/trace", 401, get(widgets+"/jobs/101/trace")).says(unauthorized),
	}},
	{"401 `invalid_token` with a challenge for a dead token", []testCase{
		c("3/401-dead/revoked", 401, get(jobs, as(sandbox.TokenRevoked))).says("Token was revoked. You have to re-authorize from the user."),
		c("3/401-dead/expired", 401, get(jobs, as(sandbox.TokenExpired))).says("Token is expired. You can either do re-authorization or token refresh."),
		c("3/401-dead/impersonation", 401, get(jobs, as(sandbox.TokenImpersonation))).says("impersonation was disabled."),
		c("3/401-dead/oauth", 401, get(jobs, bearer(sandbox.TokenOAuthExpired))).says(`Www-Authenticate: Bearer realm="Protected by OAuth 2.0", error="invalid_token"`),
		c("3/401-dead/write", 401, post(playManual, as(sandbox.TokenExpired))),
		c("3/401-dead/public", 401, get(docsPL+"/jobs", as(sandbox.TokenRevoked))),
		c("3/401-dead/head", 401, head(jobs, as(sandbox.TokenRevoked))),
		c("3/401-dead/relayed", 401, get(jobs+"?per_page=x", as(sandbox.TokenRevoked))),
	}},
	{"403 in its many words", []testCase{
		c("3/403/ability", 403, get(jobs, dan)).says(forbidden),
		c("3/403/not-retryable", 403, post(widgets+"/jobs/103/retry", ada)).says(`{"message":"403 Forbidden - Job is not retryable"}`),
		c("3/403/not-erasable", 403, post(widgets+"/jobs/103/erase", ada)).says(`{"message":"403 Forbidden - Job is not erasable!"}`),
		c("3/403/blocked", 403, get(jobs, as(sandbox.TokenBlocked))).says("403 Forbidden - Your account has been blocked."),
		c("3/403/scope", 403, get(jobs, as(sandbox.TokenNoScope))).says(scopeText),
		c("3/403/granular", 403, post(playManual, as(sandbox.TokenGranular))).says("insufficient_granular_scope"),
		c("3/403/job-token", 403, get(jobs, jobToken(sandbox.JobTokenForeign))).says("not allowed from proj to project #1."),
		c("3/403/policy", 403, get(jobs, jobToken(sandbox.JobTokenLimited))).says("read_jobs"),
	}},
	{"404 in its four words", []testCase{
		c("3/404/project", 404, get("/projects/999/jobs", ada)).says(noProject),
		c("3/404/hidden-project", 404, get("/projects/5/jobs", ben)).says(noProject),
		c("3/404/job", 404, get(widgets+"/jobs/999", ada)).says(notFound),
		c("3/404/job-elsewhere", 404, get(widgets+"/jobs/201", ada)).says(notFound),
		c("3/404/pipeline", 404, get(widgets+"/pipelines/999/jobs", ada)).says(notFound),
		c("3/404/no-job-token", 404, get("/job", ada)).says(`{"message":"404 Job Not Found"}`),
		c("3/404/route", 404, get("/projects/1/nothing", ada)).says(noRoute).is(local),
		c("3/404/trace", 404, get(widgets+"/jobs/999/trace", ada)).says(notFound),
		c("3/404/play", 404, post(widgets+"/jobs/999/play", ada)).says(notFound),
		c("3/404/cancel", 404, post(widgets+"/jobs/999/cancel", ada)).says(notFound),
	}},
	{"405 for paging that is not to be had", []testCase{
		c("3/405/keyset", 405, get(jobs+"?pagination=keyset&sort=asc", ada)).says(`{"error":"Keyset pagination is not yet available for this type of request"}`),
		c("3/405/offset", 405, get(jobs+"?page=100&per_page=100", ada)).says("Offset pagination has a maximum allowed offset of 50 for requests that return objects of type Ci::Build.").on(sandbox.WithLimits(sandbox.Limits{MaxOffset: 50})),
	}},
	{"409 for a statistics refresh, and for a lock, on every write", slices.Concat(
		[]testCase{
			c("3/409/statistics", 409, post("/projects/9/jobs/901/erase", ada)).says("Action temporarily disabled. The project this pipeline belongs to is undergoing stats refresh."),
		},
		writing(func(name string, _ endpoint) testCase {
			return c("3/409/lock-"+name, 409, post(widgets+"/jobs/122/"+name, ada)).says(`{"message":"409 Conflict: Resource lock"}`)
		}),
	)},
	{"500 for what GitLab did not expect", append([]testCase{
		c("3/500/cursor", 500, get(jobs+"?pagination=keyset&cursor=%21", ada)).says(`{"message":"500 Internal Server Error"}`),
	},
		failures("3/500/", map[string]sandbox.Fault{
			"json": status(500, `{"message":"500 Internal Server Error"}`), "empty": status(500, ""),
			"html": status(500, "<html><title>500</title></html>"), "text": status(500, "oops"),
		})...)},
	{"503 while GitLab is busy or under maintenance, `Retry-After` included", failures("3/503/", map[string]sandbox.Fault{
		"json": status(503, `{"message":"503 Service Unavailable"}`, "Retry-After", "30"),
		"html": status(503, "<html>GitLab is not responding</html>", "Retry-After", "120"),
	})},
	{"A redirect comes back as it is, and nobody goes there", slices.Concat(
		each(map[string]call{
			"read": get(widgets+"/jobs/101", ada), "list": get(jobs, ada), "trace": get(trace, ada),
			"write": post(playManual, ada), "relayed": get(jobs+".json", ada),
		}, func(name string, one call) testCase {
			return c("3/redirect/"+name, 302, one).says("Location: https://elsewhere.example.com/api/v4/").given(failing(sandbox.Fault{Kind: sandbox.Redirect}))
		}),
		each(map[string]string{
			"sign-in": "https://gitlab.example.com/users/sign_in", "relative": "/users/sign_in",
			"identity-provider": "https://sso.example.com/?next=https%3A%2F%2Fgitlab.example.com%2Fapi%2Fv4%2Fjob",
		}, func(name, location string) testCase {
			return c("3/redirect/"+name, 302, get(widgets+"/jobs/101", ada), post(playManual, ada),
				get(jobs+".json", ada)).given(failing(status(302, "<html>You are being redirected.</html>", "Location", location)))
		}),
	)},
	{"A redirect to where the call went, at another address, is not made a circle", each(map[string]string{
		"scheme": "https://gitlab.example.com/api/v4/projects/1/jobs/101", "host": "https://gitlab.example.org/api/v4/projects/1/jobs/101",
	}, func(name, location string) testCase {
		return c("3/redirect-circle/"+name, 301, get(widgets+"/jobs/101", ada)).given(failing(status(301, "<html>", "Location", location))).
			but(together(asked(1), lacks("http://gateway.example:8080"+api+widgets+"/jobs/101")))
	})},
	{"An answer without a content type gets none", each(map[string]call{
		"error": get(widgets+"/jobs/999", ada), "log": get(trace, ada), "list": get(jobs, ada), "relayed": get(jobs+".json", ada),
	}, func(name string, one call) testCase {
		return c("3/no-type/"+name, anything, one).behind(changing(func(w *httptest.ResponseRecorder) { w.Header()["Content-Type"] = nil }))
	})},
	{"The right answer under another content type comes as it is", each(map[string]call{
		"job": get(widgets+"/jobs/101", ada), "list": get(mainPL+"/jobs", ada), "write": post(playManual, ada),
	}, func(name string, one call) testCase {
		return c("3/type/"+name, 200, one).says("Content-Type: text/html; charset=utf-8").given(failing(sandbox.Fault{Kind: sandbox.WrongContentType}))
	})},
	{"Errors of a front end: any status, any type, empty or large, come as they are", failures("3/front/", map[string]sandbox.Fault{
		"502-html": status(502, "<html><title>502 Bad Gateway</title></html>"),
		"504-text": status(504, "upstream timed out\n"), "413": status(413, "<html>too large</html>"),
		"418":        status(418, `{"message":"I'm a teapot","more":[1.50,null]}`),
		"451":        status(451, "blocked", "Content-Type", "text/plain; charset=iso-8859-1"),
		"422-object": status(422, `{"message":{"base":["is wrong"],"n":1.0}}`),
		"400-spaces": status(400, " {\n \"message\" : \"x\" }\n"),
		"large":      status(500, `{"message":"`+strings.Repeat("x", 60<<10)+`"}`), "520": status(520, ""),
		"challenge": status(401, `{"message":"401 Unauthorized"}`, "WWW-Authenticate", `Basic realm="x"`),
		"problem":   status(403, `{"title":"no"}`, "Content-Type", "application/problem+json"),
		"latin-1":   status(500, "caf\xe9", "Content-Type", "text/plain"),
	})},
}}
