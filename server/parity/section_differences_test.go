package parity

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// elsewhereCases are calls of GitLab's other pages and endpoints.
func elsewhereCases(prefix string, targets map[string]string) []testCase {
	return each(targets, func(name, target string) testCase {
		return c(prefix+name, 200, raw("GET", target, ada)).behind(elsewhere).but(together(answers(404, noRoute), unasked))
	})
}

// mishaps are answers that are none, each on a read, on a write, or both.
func mishaps(prefix string, want int, f sandbox.Fault, calls map[string]call, check func(direct, through side) string) []testCase {
	return each(calls, func(name string, one call) testCase {
		return c(prefix+name, want, one).given(failing(f)).but(together(check, asked(1)))
	})
}

var (
	bothWays = map[string]call{
		"read": get(widgets+"/jobs/101", ada), "list": get(mainPL+"/jobs", ada), "write": post(playManual, ada),
	}
	aLog = map[string]call{"log": get(trace, ada)}
)

var sectionDifferences = section{"Deliberate differences", []rule{
	{"Credentials are dropped from links and redirects", []testCase{
		c("differences/secrets/link", 200, get(jobs+"?per_page=2&private_token="+developer)).but(together(answers(200, `rel="next"`), lacks(developer, "private_token="))),
		c("differences/secrets/job-token", 200, get(jobs+"?per_page=2&job_token="+running)).but(lacks(running, "job_token=")),
		c("differences/secrets/token", 200, get(mainPL+"/jobs?token="+running)).but(lacks(running)),
		c("differences/secrets/form", 200, get(jobs, form("private_token="+developer))).but(lacks(developer)),
		c("differences/secrets/redirect", 301, get(moved+"/jobs?page=2&private_token="+sandbox.TokenMaintainer)).but(together(answers(301, "page=2"), lacks(sandbox.TokenMaintainer))),
		c("differences/secrets/relayed", 301, get(moved+"/jobs.json?private_token="+sandbox.TokenMaintainer)).but(lacks(sandbox.TokenMaintainer)),
		c("differences/secrets/oauth", 200, get(jobs+"?per_page=1&access_token="+oauth)).but(lacks(oauth)),
		c("differences/secrets/keyset", 200, get(keyset+"&per_page=1&private_token="+developer)).but(lacks(developer)),
		c("differences/secrets/both-places", 200, get(jobs+"?per_page=1&access_token="+oauth, bearer("x"))).but(lacks(oauth)),
		c("differences/secrets/list", 401, get(jobs+"?private_token[]="+developer)).but(lacks(developer)),
	}},
	{"Links and redirects name the address that was called", []testCase{
		c("differences/address/link", 200, get(jobs, ada)).but(named("Link")),
		c("differences/address/keyset", 200, get(keyset, ada)).but(named("Link")),
		c("differences/address/redirect", 301, get(moved+"/jobs", ada)).but(named("Location")),
		c("differences/address/relayed", 200, get(jobs+".json", ada)).but(named("Link")),
		c("differences/address/head", 200, head(jobs, ada)).but(named("Link")),
		c("differences/address/forwarded", 200, get(jobs, ada, header("X-Forwarded-Host", "evil.example"), header("X-Forwarded-Proto", "https"))).but(together(named("Link"), lacks("evil.example"))),
		c("differences/address/body", 301, get(moved+"/jobs", ada)).but(lacks("gitlab.example.com")),
	}},
	{"`follow=true` follows a log to its end, as it is or, by `Accept`, as events; that of a moved project where it is now, if that is at the same address", []testCase{
		c("differences/follow/text", 200, get(trace+"?follow=true", ada)).but(together(answers(200, "Content-Type: text/plain"), part(0, 1<<30))),
		c("differences/follow/events", 200, get(trace+"?follow=true", ada, header("Accept", "text/event-stream"))).but(answers(200, "Content-Type: text/event-stream")),
		c("differences/follow/lines", 200, get(trace, ada, header("Accept", "application/x-ndjson"))).but(answers(200, "Content-Type: application/x-ndjson")),
		c("differences/follow/one", 200, get(trace+"?follow=1", ada)).but(together(answers(200, "Content-Type: text/plain"), part(0, 1<<30))),
		c("differences/follow/moved", 301, get(moved+"/jobs/402/trace?follow=true", ada)).but(answers(301, "/projects/4/jobs/402/trace?follow=true")),
		c("differences/follow/tail", 200, get(trace+"?follow=true&tail_bytes=5", ada)).but(answers(200, "Content-Type: text/plain")),
		c("differences/follow/no-cursor", 200, get(trace+"?follow=true&cursor=abc", ada)).but(answers(400, "cursor")),
		c("differences/follow/other", 200, get(trace+"?follow=true&tail=5", ada)).but(answers(400, "tail")),
		c("differences/follow/refused", 401, get(trace+"?follow=true")).but(answers(401)),
	}},
	{"`Range` is honoured on logs", []testCase{
		c("differences/range/first", 200, get(trace, ada, header("Range", "bytes=0-9"))).but(together(answers(206, "Content-Range: bytes 0-9/"), part(0, 10))),
		c("differences/range/from", 200, get(trace, ada, header("Range", "bytes=10-"))).but(together(answers(206, "Content-Range: bytes 10-"), part(10, 1<<30))),
		c("differences/range/beyond", 200, get(trace, ada, header("Range", "bytes=99999999-"))).but(answers(416)),
		c("differences/range/nonsense", 200, get(trace, ada, header("Range", "lines=1-2"))).but(together(answers(200), part(0, 1<<30))),
		c("differences/range/json", 200, get(jobs, ada, header("Range", "bytes=0-9"))).but(together(answers(200), part(0, 1<<30))),
		c("differences/range/with-slice", 200, get(trace+"?byte_offset=5", ada, header("Range", "bytes=0-1"))).but(together(answers(200), part(0, 1<<30))),
		c("differences/range/forbidden", 403, get(widgets+"/jobs/119/trace", cleo, header("Range", "bytes=0-1"))).but(answers(403, forbidden)),
	}},
	{"`byte_offset` and `byte_limit` cut a log even where GitLab does not", []testCase{
		c("differences/slices/old", 200, get(trace+"?byte_offset=10&byte_limit=5", ada)).old().but(together(answers(200), part(10, 15))),
		c("differences/slices/off", 200, get(trace+"?byte_offset=10", ada)).given(failing(sandbox.Fault{Kind: sandbox.NoSlices})).but(together(answers(200), part(10, 1<<30))),
		c("differences/slices/limit", 200, get(trace+"?byte_limit=5", ada)).old().but(together(answers(200), part(0, 5))),
	}},
	{"A path of our own, outside of `/api`, is answered here; GitLab's pages are not there", append(
		elsewhereCases("differences/pages/", map[string]string{
			"root": "/", "sign-in": "/users/sign_in", "project": "/acme/widgets", "graphql": "/api/graphql",
			"health": "/-/health", "api": "/api", "raw": "/acme/widgets/-/raw",
		}),
		c("differences/pages/own", 200, raw("GET", "/healthz")).behind(elsewhere).but(together(answers(200, "ok"), unasked)),
	)},
	{"Other endpoints of `/api/v4` are answered like unknown routes", elsewhereCases("differences/endpoints/", map[string]string{
		"version": api + "/version", "user": api + "/user", "project": api + "/projects/1",
		"projects": api + "/projects", "pipelines": api + "/projects/1/pipelines",
		"pipeline": api + "/projects/1/pipelines/100", "runners": api + "/runners",
	})},
	{"Cookies are not forwarded, and `Set-Cookie` does not come back", []testCase{
		c("differences/cookies/session", 200, get(jobs, header("Cookie", "_gitlab_session="+sandbox.Session))).but(together(answers(401, unauthorized), asked(1))),
		c("differences/cookies/write", 200, post(playManual, header("Cookie", "_gitlab_session="+sandbox.Session), header("X-CSRF-Token", sandbox.CSRFToken))).but(answers(401, unauthorized)),
		c("differences/cookies/sudo", 403, get(jobs, header("Cookie", "_gitlab_session="+sandbox.Session), header("Sudo", "ben"))).says(needsSudo).but(answers(401)),
		c("differences/cookies/set", 200, get(jobs, ada)).behind(changing(headed("Set-Cookie", "_gitlab_session=x; HttpOnly"))).but(together(answers(200), lacks("Set-Cookie"))),
		c("differences/cookies/set-relayed", 200, get(jobs+".json", ada)).behind(changing(headed("Set-Cookie", "a=b"))).but(together(answers(200), lacks("Set-Cookie"))),
		c("differences/cookies/set-log", 200, get(trace, ada)).behind(changing(headed("Set-Cookie", "a=b"))).but(together(answers(200), lacks("Set-Cookie"))),
		c("differences/cookies/set-error", 404, get(widgets+"/jobs/999", ada)).behind(changing(headed("Set-Cookie", "a=b"))).but(together(answers(404), lacks("Set-Cookie"))),
	}},
	{"A credential in a parameter is sent on as a header, where both mean the same", each(map[string]call{
		"query": get(jobs + "?private_token=" + developer), "form": post(playManual, form("private_token="+developer)),
		"json":       post(playManual, jsonBody(`{"private_token":"`+developer+`"}`)),
		"post-query": post(playManual + "?private_token=" + developer), "oauth": get(jobs + "?access_token=" + oauth),
		"bearer-token": get(jobs + "?bearer_token=" + oauth), "job-token": get("/job?job_token=" + running),
		"token": get("/job?token=" + running), "over-header": get(jobs+"?private_token="+developer, as("bad")),
		"relayed": get(jobs + ".json?private_token=" + developer), "trace": get(trace + "?private_token=" + developer),
		"slash":   get(jobs + "/?per_page=x&private_token=" + developer),
		"options": do("OPTIONS", "/projects/1/jobs?private_token="+developer),
	}, func(name string, one call) testCase {
		return c("differences/header/"+name, anything, one).but(inHeader)
	})},
	{"Bodies come without a content coding, whatever the caller takes", each(map[string]call{
		"list": get(jobs, ada, gzipped), "log": get(trace, ada, gzipped), "relayed": get(jobs+".json", ada, gzipped),
		"write": post(playManual, ada, gzipped),
	}, func(name string, one call) testCase {
		return c("differences/coding/"+name, 200,
			one).says("Content-Encoding: gzip").behind(zipping).but(together(answers(200), lacks("Content-Encoding"), unzipped, asked(1)))
	})},
	{"Header fields that mean nothing to the API are not forwarded: an operator's bypass of the rate limits works behind the gateway, not before it", []testCase{
		c("differences/fields/bypass", 200, get(jobs, ben), get(jobs, ben, header("Gitlab-Bypass-Rate-Limiting", "1"))).
			on(limited(sandbox.Limits{JobsIndex: 1, BypassHeader: "Gitlab-Bypass-Rate-Limiting"})).but(together(answers(429, tooMany), asked(2))),
	}},
	{"What belongs to a server or a connection stays behind: `Server`, `Via`, `Strict-Transport-Security`, orders to a proxy", []testCase{
		c("differences/fields/server", 404, get(jobs, ada), get(trace, ada), post(playManual, ada), get(jobs+".json", ada), get(widgets+"/jobs/999", ada)).
			behind(changing(headed("Server", "nginx", "Via", "1.1 front", "Strict-Transport-Security", "max-age=1", "X-Accel-Redirect", "/x",
				"X-Sendfile", "/x", "Alt-Svc", "h3"))).
			but(lacks("nginx", "1.1 front", "max-age=1", "X-Accel", "X-Sendfile", "Alt-Svc")),
	}},
	{"What is too large is refused: a target, a header, a body", []testCase{
		c("differences/size/target", 404, get("/projects/"+strings.Repeat("a", 66<<10)+"/jobs", ada)).but(together(fourHundred, unasked)),
		c("differences/size/query", 200, get(jobs+"?x="+strings.Repeat("a", 66<<10), ada)).but(together(fourHundred, unasked)),
		c("differences/size/header", 200, get(jobs, ada, header("X-Nothing", strings.Repeat("a", 300<<10)))).but(together(fourHundred, unasked)),
		c("differences/size/body", anything, post(playManual, ada, jsonBody(`{"x":"`+strings.Repeat("a", 5<<20)+`"}`))).but(together(fourHundred, unasked)),
		c("differences/size/chunked", anything, post(playManual, ada, chunked("application/json", `{"x":"`+strings.Repeat("a", 5<<20)+`"}`))).but(together(fourHundred, unasked)),
	}},
	{"Where GitLab gives no answer, ours is 502, 503 or 504 in GitLab's form", slices.Concat(
		mishaps("differences/none/reset-", nothing, sandbox.Fault{Kind: sandbox.ResetBeforeReply}, bothWays, worded(502, 503, 504)),
		mishaps("differences/none/reset-", nothing, sandbox.Fault{Kind: sandbox.ResetBeforeReply}, aLog, worded(502, 503, 504)),
		mishaps("differences/none/reset-", nothing, sandbox.Fault{Kind: sandbox.ResetBeforeReply}, map[string]call{
			"relayed": get(jobs+".json", ada),
		}, worded(502, 503, 504)),
		mishaps("differences/none/cut-body-", anything, sandbox.Fault{Kind: sandbox.ResetMidBody}, bothWays, worded(502, 503, 504)),
		mishaps("differences/none/short-", anything, sandbox.Fault{Kind: sandbox.ShortBody}, bothWays, worded(502, 503, 504)),
	)},
	{"What GitLab's API cannot have said is 502 too", slices.Concat(
		mishaps("differences/malformed/html-", 200, status(200, "<html><title>Sign in</title></html>"), bothWays, worded(502)),
		mishaps("differences/malformed/html-", 200, status(200, "<html></html>"), aLog, worded(502)),
		mishaps("differences/malformed/cut-", 200, sandbox.Fault{Kind: sandbox.CutJSON}, map[string]call{
			"read": get(widgets+"/jobs/101", ada), "list": get(mainPL+"/jobs", ada), "write": post(playManual, ada),
		}, worded(502)), mishaps("differences/malformed/bomb-", anything, sandbox.Fault{Kind: sandbox.GzipBomb}, bothWays, worded(502)),
		mishaps("differences/malformed/header-", 200, sandbox.Fault{Kind: sandbox.Latency, Header: map[string]string{
			"X-Large": strings.Repeat("a", 100<<10),
		}}, bothWays, worded(502)),
	)},
	{"So is what nobody asked for: 304, a part, a log that says it is JSON", each(map[string]func(*httptest.ResponseRecorder){
		"304": statused(304), "206": statused(206), "json-log": set("Content-Type", "application/json"),
	}, func(name string, change func(*httptest.ResponseRecorder)) testCase {
		one := c("differences/unasked/"+name, anything, get(widgets+"/jobs/101", ada))
		if name == "json-log" {
			one.calls = []call{get(trace, ada)}
		}
		return one.behind(changing(change)).but(together(worded(502), asked(1)))
	})},
	{"A log that breaks off breaks the connection, so that nobody takes it for whole", slices.Concat(
		mishaps("differences/broken-log/reset-", nothing, sandbox.Fault{Kind: sandbox.ResetMidBody, After: 100}, aLog, broken),
		mishaps("differences/broken-log/short-", nothing, sandbox.Fault{Kind: sandbox.ShortBody}, aLog, broken),
	)},
}}

// fourHundred asks for a 4xx, or for a connection that was closed before the rest was sent.
func fourHundred(_, through side) string {
	if last := through.last(); last.broken == nil && last.status/100 != 4 {
		return "status " + http.StatusText(last.status)
	}
	return ""
}
