package parity

import (
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const tooMany = `{"message":{"error":"This endpoint has been requested too many times. Try again later."}}`

func limited(l sandbox.Limits) sandbox.Option { return sandbox.WithLimits(l) }

var section5 = section{"5 Rate limits", []rule{
	{"Listing a project's jobs too often is 429 as JSON, per user, without `Retry-After`, before the project is looked up", []testCase{
		c("5/index/over", 429, get(jobs, ben), get(jobs, ben)).says(tooMany).on(limited(sandbox.Limits{JobsIndex: 1})),
		c("5/index/missing-project", 429, get(jobs, ben), get("/projects/999/jobs", ben)).on(limited(sandbox.Limits{JobsIndex: 1})),
		c("5/index/other-user", 200, get(jobs, ben), get(jobs, ben), get(jobs, ada)).on(limited(sandbox.Limits{JobsIndex: 1})),
		c("5/index/other-route", 200, get(jobs, ben), get(jobs, ben), get(widgets+"/jobs/101", ben)).on(limited(sandbox.Limits{JobsIndex: 1})),
		c("5/index/other-token", 429, get(jobs, ben), get(jobs, bearer(oauth))).on(limited(sandbox.Limits{JobsIndex: 1})),
		c("5/index/next-minute", 200, get(jobs, ben), get(jobs, ben), get(jobs, ben, after(60e9))).on(limited(sandbox.Limits{JobsIndex: 1})),
		c("5/index/bad-scope-first", 400, get(jobs, ben), get(jobs+"?scope=x", ben)).on(limited(sandbox.Limits{JobsIndex: 1})),
		c("5/index/pages", 429, get(jobs+"?per_page=1", ben)).on(limited(sandbox.Limits{JobsIndex: 3})).walks(),
		c("5/index/head", 429, head(jobs, ben), head(jobs, ben)).on(limited(sandbox.Limits{JobsIndex: 1})),
	}},
	{"The general throttle is 429 as text, with `RateLimit-*` and `Retry-After`", slices.Concat(
		everywhere(func(name string, e endpoint) testCase {
			return c("5/throttle/"+name, 429, get(jobs, e.caller), do(e.method, e.target, e.caller)).says("Retry later\n").on(limited(sandbox.Limits{Throttle: 1}))
		}),
		[]testCase{
			c("5/throttle/head", 429, get(jobs, ben), head(jobs, ben)).says("Retry-After: 60").on(limited(sandbox.Limits{Throttle: 1})),
			c("5/throttle/anonymous", 429, get(docsPL+"/jobs"), get(docsPL+"/jobs")).says("throttle_unauthenticated_api").on(limited(sandbox.Limits{Throttle: 1})),
			c("5/throttle/relayed", 429, get(jobs, ben), get(jobs+"?page=x", ben)).on(limited(sandbox.Limits{Throttle: 1})),
			c("5/throttle/next-minute", 200, get(jobs, ben), get(jobs, ben), get(jobs, ben, after(61e9))).on(limited(sandbox.Limits{Throttle: 1})),
			c("5/throttle/reset-time", 429, get(jobs, ben),
				get(jobs, ben)).says("Ratelimit-Resettime: Wed, 04 Mar 2026 12:01:00 GMT").on(limited(sandbox.Limits{Throttle: 1})),
		},
	)},
	{"Answers that are not throttled tell the limits too", everywhere(func(name string, e endpoint) testCase {
		return c("5/unthrottled/"+name, e.status, do(e.method, e.target, e.caller)).says("Ratelimit-Remaining: 1").on(limited(sandbox.Limits{Throttle: 2}))
	})},
	{"Errors tell the limits too", []testCase{
		c("5/unthrottled-error/not-found", 404, get(widgets+"/jobs/999", ada)).says("Ratelimit-Limit: 2").on(limited(sandbox.Limits{Throttle: 2})),
		c("5/unthrottled-error/invalid", 400, get(jobs+"?page=x", ada)).says("Ratelimit-Limit: 2").on(limited(sandbox.Limits{Throttle: 2})),
		c("5/unthrottled-error/method", 405, do("PUT", jobs, ada)).on(limited(sandbox.Limits{Throttle: 2})),
	}},
	{"A service behind a write may refuse with 429 as JSON and fields of its own", each(map[string]call{
		"retry": post(widgets+"/jobs/102/retry", ada), "play": post(playManual, ada),
	}, func(name string, one call) testCase {
		return c("5/service/"+name, 429, one).says("Retry-After: 7").given(failing(sandbox.Fault{Kind: sandbox.TooManyJSON, Header: map[string]string{
			"Retry-After": "7",
		}}))
	})},
	{"429 of a front end: HTML or text, with or without `Retry-After`", slices.Concat(
		each(map[string]sandbox.Fault{
			"html": {Kind: sandbox.TooManyHTML}, "html-bare": {Kind: sandbox.TooManyHTML, NoRetryAfter: true},
			"text-bare": {Kind: sandbox.TooManyText, NoRetryAfter: true}, "text": {Kind: sandbox.TooManyText},
			"date": {Kind: sandbox.TooManyText, Header: map[string]string{"Retry-After": "Wed, 04 Mar 2026 12:05:00 GMT"}},
		}, func(name string, f sandbox.Fault) testCase {
			return c("5/front/"+name, 429, get(jobs, ada), post(playManual, ada), get(widgets+"/jobs/101/trace", ada), get(jobs+"?page=x", ada)).given(failing(f))
		}),
		[]testCase{
			c("5/front/then-well", 200, get(jobs, ada), get(jobs, ada)).given(failing(sandbox.Fault{Kind: sandbox.TooManyHTML, Times: 1})),
		},
	)},
}}

// etagged are calls whose answers have a validator.
func etagged(build func(name, target string, caller change) testCase) []testCase {
	return reading(func(name string, e endpoint) testCase { return build(name, e.target, e.caller) })
}

var section6 = section{"6 Headers, caching, other origins", []rule{
	{"Every answer has `X-Frame-Options`, `X-Content-Type-Options`, `X-Request-Id`, `X-Runtime`, `X-Gitlab-Meta` and `Vary`", []testCase{
		c("6/headers/success", 200, get(widgets+"/jobs/101", ada)).says("X-Frame-Options: SAMEORIGIN"),
		c("6/headers/created", 201, post(force, ada)).says("X-Content-Type-Options: nosniff"),
		c("6/headers/error", 404, get(widgets+"/jobs/999", ada)).says(`X-Gitlab-Meta: {"correlation_id":"`),
		c("6/headers/unauthorized", 401, get(jobs)).says("Vary: Origin"),
		c("6/headers/trace", 200, get(widgets+"/jobs/101/trace", ada)).says("X-Runtime: 0."),
		c("6/headers/relayed", 400, get(jobs+"?page=x", ada)).says("X-Request-Id: 01"),
		c("6/headers/method", 405, do("PUT", jobs, ada)),
	}},
	{"A caller's own `X-Request-Id` reaches GitLab, whose answer names the request", []testCase{
		c("6/request-id/own", 200, get(jobs, ada, header("X-Request-Id", "mine-1"))),
		c("6/request-id/long", 200, get(jobs, ada, header("X-Request-Id", strings.Repeat("a", 300)))),
		c("6/request-id/odd", 200, get(jobs, ada, header("X-Request-Id", "a b é \"<>"))),
		c("6/request-id/twice", 200, get(jobs, ada, header("X-Request-Id", "a"), header("X-Request-Id", "b"))),
		c("6/request-id/write", 200, post(playManual, ada, header("X-Request-Id", "mine-2"))),
		c("6/request-id/relayed", 400, get(jobs+"?page=x", ada, header("X-Request-Id", "mine-3"))),
		c("6/request-id/trace", 200, get(widgets+"/jobs/101/trace", ada, header("x-request-id", "mine-4"))),
	}},
	{"Successes have a weak `ETag` and `Cache-Control`; errors have neither", slices.Concat(
		everywhere(func(name string, e endpoint) testCase {
			return c("6/etag/"+name, e.status, do(e.method, e.target, e.caller)).says(`Etag: W/"`)
		}),
		[]testCase{
			c("6/etag/error", 404, get(widgets+"/jobs/999", ada)).says("Cache-Control: no-cache"),
			c("6/etag/empty-log", 200, get(widgets+"/jobs/123/trace", ada)),
			c("6/etag/empty-list", 200, get(mainPL+"/bridges?scope=pending", ada)).says(`Etag: W/"`),
		},
	)},
	{"GET and HEAD with a matching `If-None-Match` are 304 without a body", slices.Concat(
		etagged(func(name, target string, caller change) testCase {
			return c("6/304/"+name, 304, get(target, caller), get(target, caller, header("If-None-Match", "{etag}")))
		}),
		etagged(func(name, target string, caller change) testCase {
			return c("6/304/head-"+name, 304, get(target, caller), head(target, caller, header("If-None-Match", "{etag}")))
		}),
		each(map[string]string{"star": "*", "list": `"x", {etag}, W/"y"`, "strong-of-list": `W/"a",{etag}`, "blanks": "  {etag}  "}, func(name, value string) testCase {
			return c("6/304/"+name, 304, get(jobs, ada), get(jobs, ada, header("If-None-Match", value)))
		}),
		[]testCase{
			c("6/304/two-fields", 304, get(jobs, ada), get(jobs, ada, header("If-None-Match", `"x"`), header("If-None-Match", "{etag}"))),
			c("6/304/many", 304, get(jobs, ada), get(jobs, ada, header("If-None-Match", strings.Repeat(`W/"x", `, 500)+"{etag}"))),
			c("6/304/relayed", 304, get(jobs+".json", ada), get(jobs+".json", ada, header("If-None-Match", "{etag}"))),
			c("6/304/slash", 304, get(jobs+"/", ada, header("If-None-Match", "*"))),
			c("6/304/slice", 304, get(widgets+"/jobs/101/trace?byte_limit=9", ada, header("If-None-Match", "*"))),
			c("6/304/page-fields", 304, get(mainPL+"/jobs?per_page=2", ada, header("If-None-Match", "*"))).says("X-Total: 29"),
			c("6/304/throttled-fields", 304, get(jobs, ada, header("If-None-Match", "*"))).says("Ratelimit-Limit").on(limited(sandbox.Limits{Throttle: 5})),
		},
	)},
	{"An answer that is asked for again and again is the same each time, and a new one when something has changed", slices.Concat(
		reading(func(name string, e endpoint) testCase {
			one := do(e.method, e.target, e.caller)
			return c("6/again/"+name, 304, one, one, one, one, do(e.method, e.target, e.caller, header("If-None-Match", "{etag}")),
				head(e.target, e.caller), do(e.method, e.target, e.caller, header("If-None-Match", "*")))
		}),
		[]testCase{
			c("6/again/changed", 200, look(104), look(104), look(104), act(sandbox.JobManual, "play", ada), look(104), look(104)).says(`"status":"pending"`),
			c("6/again/running", 200, look(103), look(103), get(widgets+"/jobs/103", ada, after(1e9)), get(widgets+"/jobs/103", ada, after(1e9))),
			c("6/again/list-changed", 200, get(mainPL+"/jobs", ada), get(mainPL+"/jobs", ada), get(mainPL+"/jobs", ada),
				act(sandbox.JobFailed, "retry", ada), get(mainPL+"/jobs", ada), get(mainPL+"/jobs", ada)),
			c("6/again/limits", 200, get(jobs, ada), get(jobs, ada), get(jobs, ada), get(jobs, ada)).says("Ratelimit-Observed: 4").on(limited(sandbox.Limits{Throttle: 9})),
			c("6/again/limited", 429, get(jobs, ada), get(jobs, ada), get(jobs, ada), get(jobs, ada)).on(limited(sandbox.Limits{Throttle: 3})),
			c("6/again/other-origin", 200, get(jobs, ada), get(jobs, ada), get(jobs, ada, header("Origin", "https://a.example")),
				get(jobs, ada, header("Origin", sandbox.DefaultURL)), get(jobs, ada)),
			c("6/again/other-order", 200, get(jobs+"?per_page=2&page=2", ada), get(jobs+"?page=2&per_page=2", ada),
				get(jobs+"?per_page=2&page=2", ada), get(jobs+"?page=2&per_page=2", ada)),
			c("6/again/other-spelling", 200, get(jobs+"?scope=failed", ada), get(jobs+"?scope[]=failed", ada), get(jobs+"?scope%5B%5D=failed", ada),
				get(jobs+"?scope=failed", ada), get(jobs+"?scope[]=failed", ada)),
			c("6/again/by-path", 200, get(widgets+"/jobs/101", ada), get("/projects/acme%2Fwidgets/jobs/101", ada),
				get("/projects/ACME%2fwidgets/jobs/101", ada), get(widgets+"/jobs/101", ada)),
			c("6/again/token-dies", 401, get("/job", jobToken(sandbox.JobTokenLive), after(20e9)), get("/job", jobToken(sandbox.JobTokenLive)),
				get("/job", jobToken(sandbox.JobTokenLive)), get("/job", jobToken(sandbox.JobTokenLive), after(60e9))),
			c("6/again/gone", 401, look(101), look(101), look(101), get(widgets+"/jobs/101")),
			c("6/again/broken-between", 200, look(101), look(101), look(101), look(101), look(101)).given(func(box *sandbox.Sandbox) {
				box.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.StatusFault, Status: 503, Skip: 3, Times: 1})
			}),
		},
	)},
	{"Another validator, none, or a changed body is 200", []testCase{
		c("6/200/other", 200, get(jobs, ada, header("If-None-Match", `W/"0123"`))),
		c("6/200/empty", 200, get(jobs, ada, header("If-None-Match", ""))),
		c("6/200/unquoted", 200, get(jobs, ada, header("If-None-Match", "abc"))),
		c("6/200/other-page", 200, get(jobs, ada), get(jobs+"?page=2", ada, header("If-None-Match", "{etag}"))),
		c("6/200/grown", 200, get(widgets+"/jobs/103", ada), get(widgets+"/jobs/103", ada, after(1e9), header("If-None-Match", "{etag}"))),
		c("6/200/grown-log", 200, get(widgets+"/jobs/103/trace", ada), get(widgets+"/jobs/103/trace", ada, after(10e9), header("If-None-Match", "{etag}"))),
		c("6/200/empty-log", 200, get(widgets+"/jobs/123/trace", ada, header("If-None-Match", "*"))),
		c("6/200/other-user", 401, get(jobs, ada), get(jobs, as("bad"), header("If-None-Match", "{etag}"))),
		c("6/200/hidden", 404, get(jobs, ada), get(jobs, finn, header("If-None-Match", "{etag}"))),
	}},
	{"A write is never 304, and an error neither", slices.Concat(
		writing(func(name string, e endpoint) testCase {
			return c("6/never-304/"+name, e.status, do(e.method, e.target, e.caller, header("If-None-Match", "*")))
		}),
		[]testCase{
			c("6/never-304/error", 404, get(widgets+"/jobs/999", ada, header("If-None-Match", "*"))),
			c("6/never-304/invalid", 400, get(jobs+"?page=x", ada, header("If-None-Match", "*"))),
			c("6/never-304/moved", 301, get(moved+"/jobs", ada, header("If-None-Match", "*"))),
			c("6/never-304/options", 204, do("OPTIONS", jobs, header("If-None-Match", "*"))),
		},
	)},
	{"No other condition is honoured", each(map[string]change{
		"if-unmodified-since": header("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
		"if-modified-since":   header("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
		"if-match":            header("If-Match", `"x"`),
	}, func(name string, field change) testCase {
		return c("6/conditions/"+name, 200, get(jobs, ada, field), get(widgets+"/jobs/101/trace", ada, field), post(playManual, ada, field))
	})},
	{"Any origin may read, without credentials; GitLab's own with them", slices.Concat(
		everywhere(func(name string, e endpoint) testCase {
			return c("6/cors/"+name, e.status, do(e.method, e.target, e.caller, header("Origin", "https://elsewhere.example"))).says("Access-Control-Allow-Origin: *")
		}),
		[]testCase{
			c("6/cors/own-origin", 200, get(jobs, ada, header("Origin", sandbox.DefaultURL))).says("Access-Control-Allow-Credentials: true"),
			c("6/cors/twice", 200, get(jobs, ada, header("Origin", "https://a.example"), header("Origin", "https://b.example"))),
			c("6/cors/error", 401, get(jobs, header("Origin", "null"))).says("Access-Control-Expose-Headers"),
			c("6/cors/304", 304, get(jobs, ada, header("Origin", "https://a.example"), header("If-None-Match", "*"))),
			c("6/cors/relayed", 400, get(jobs+"?page=x", ada, header("Origin", "https://a.example"))),
			c("6/cors/moved", 301, get(moved+"/jobs", ada, header("Origin", "https://a.example"))),
			c("6/cors/unknown-route", 404, get("/nothing", header("Origin", "https://a.example"))).is(local),
		},
	)},
	{"A preflight is answered on every route", everywhere(func(name string, e endpoint) testCase {
		return c("6/preflight/"+name, 204, do("OPTIONS", e.target, header("Origin", "https://a.example"), header("Access-Control-Request-Method", e.method), header("Access-Control-Request-Headers", "private-token, x-other"))).says("Access-Control-Allow-Headers: private-token, x-other")
	})},
	{"`/job/allowed_agents` tells feature flags in `Gitlab-Feature-Flag`", []testCase{
		c("6/feature-flag/agents", 200, get("/job/allowed_agents", jobToken(running))).says("Gitlab-Feature-Flag: sandbox_agent_filter=true"),
		c("6/feature-flag/head", 200, head("/job/allowed_agents", jobToken(running))).says("Gitlab-Feature-Flag"),
	}},
	{"Header fields in any letter case, and long ones, are taken", []testCase{
		c("6/request-fields/capitals", 200, get(jobs, header("PRIVATE-token", developer))),
		c("6/request-fields/user-agent", 200, get(jobs, ben, header("User-Agent", strings.Repeat("x", 4096)))),
		c("6/request-fields/many", 200, get(jobs, ben, many(100))),
		c("6/request-fields/forwarded", 200, get(jobs, ben, header("X-Forwarded-For", "192.0.2.7"))),
	}},
}}

// many adds header fields that mean nothing.
func many(n int) change {
	return func(one *call) {
		for range n {
			header("X-Nothing", "nothing")(one)
		}
	}
}
