package parity

import (
	"strings"
)

// twisted makes cases of odd targets: GitLab's class of answer where it has one, else a 4xx of the
// gateway's, and nothing but what was asked for upstream.
func twisted(prefix string, targets map[string]string) []testCase {
	return each(targets, func(name, target string) testCase { return odd(prefix+name, raw("GET", target, ada)) })
}

// odd is a case whose answer on the straight way may be anything.
func odd(id string, calls ...call) testCase {
	one := c(id, anything, calls...)
	return one.is(class)
}

const api = "/api/v4"

var sectionTricks = section{"Tricks with paths and sizes", []rule{
	{"Steps up in a path lead nowhere, however they are written", twisted("tricks/dots/", map[string]string{
		"plain": api + "/projects/../jobs", "encoded": api + "/projects/%2e%2e/jobs",
		"capitals": api + "/projects/%2E%2E/jobs", "half": api + "/projects/.%2e/jobs",
		"one": api + "/projects/./jobs", "encoded-one": api + "/projects/%2e/jobs",
		"out": api + "/projects/1/jobs/../../../../admin", "out-encoded": api + "/projects/1/jobs/%2e%2e/%2e%2e/admin",
		"inside":         api + "/projects/acme%2F..%2Fwidgets/jobs",
		"inside-encoded": api + "/projects/acme%2f%2e%2e%2fvault/jobs",
		"front":          api + "/projects/..%2f..%2fadmin/jobs", "job": api + "/projects/1/jobs/..",
		"job-encoded": api + "/projects/1/jobs/%2e%2e", "trace": api + "/projects/1/jobs/../trace",
		"root": "/api/v4/../v4/projects/1/jobs", "above": "/../api/v4/projects/1/jobs",
		"dots-in-job": api + "/projects/1/jobs/101/../101", "semicolon": api + "/projects/..;/jobs",
		"backslash": api + "/projects/..\\jobs", "double-encoded": api + "/projects/%252e%252e/jobs",
		"three-dots": api + "/projects/.../jobs", "hidden-slash": api + "/projects/..%2Fjobs",
		"pipeline": api + "/projects/1/pipelines/%2e%2e/jobs", "overlong": api + "/projects/%c0%ae%c0%ae/jobs",
		"null": api + "/projects/..%00/jobs", "v3": "/api/v3/../v4/projects/1/jobs",
		"other": api + "/projects/1/jobs/101%2F..%2F..%2F2%2Fjobs",
	})},
	{"So do other characters that mean something to somebody", twisted("tricks/characters/", map[string]string{
		"null": api + "/projects/1%00/jobs", "double-slash": api + "/projects/acme%252Fwidgets/jobs",
		"matrix": api + "/projects/1/jobs/101;x=1/trace", "matrix-jobs": api + "/projects/1/jobs;x=1",
		"newline":       api + "/projects/1%0d%0aX-Evil:%201/jobs",
		"newline-query": api + "/projects/1/jobs?x=%0d%0aX-Evil:%201", "question": api + "/projects/1%3Fx=1/jobs",
		"hash": api + "/projects/1%23/jobs", "fragment": api + "/projects/1/jobs#x",
		"two-questions": api + "/projects/1/jobs?per_page=1?page=2", "raw-bytes": api + "/projects/caf\xc3\xa9/jobs",
		"raw-bytes-query": api + "/projects/1/jobs?ref=caf\xc3\xa9", "half-escape": api + "/projects/1%/jobs",
		"bad-escape": api + "/projects/%zz/jobs", "quotes": api + "/projects/1\"'<>/jobs",
		"braces": api + "/projects/{project}/jobs", "at": api + "/projects/@evil.example/jobs",
		"colon": api + "/projects/http:%2F%2Fevil.example%2Fx/jobs", "tab": api + "/projects/1%09/jobs",
		"delete": api + "/projects/1%7f/jobs", "no-break": api + "/projects/1%C2%A0/jobs",
		"percent": api + "/projects/%25/jobs", "asterisk": "*", "stars": api + "/projects/*/jobs",
		"semicolons-query": api + "/projects/1/jobs?scope=failed;page=2",
		"only-ampersands":  api + "/projects/1/jobs?&&&", "no-name": api + "/projects/1/jobs?=x",
		"equals":       api + "/projects/1/jobs?ref=a=b=c&per_page=1",
		"deep-name":    api + "/projects/1/jobs?x" + strings.Repeat("[a]", 50) + "=1",
		"open-bracket": api + "/projects/1/jobs?scope[=failed",
	})},
	{"Targets that name a host are not followed there", twisted("tricks/hosts/", map[string]string{
		"absolute": "http://evil.example/api/v4/projects/1/jobs", "absolute-other": "http://evil.example/x",
		"double-slash": "//evil.example/api/v4/projects/1/jobs", "authority": "evil.example:80",
		"credentials":  "http://a:b@evil.example/api/v4/projects/1/jobs",
		"other-scheme": "ftp://evil.example/api/v4/projects/1/jobs",
	})},
	{"Very many parameters, and very long ones, are answered or refused, not lost", []testCase{
		odd("tricks/sizes/many-parameters", get(jobs+"?"+strings.Repeat("a=1&", 10000)+"per_page=2", ada)),
		odd("tricks/sizes/many-names", get(jobs+"?"+strings.Repeat("scope[]=failed&", 500), ada)),
		odd("tricks/sizes/long-path", get("/projects/"+strings.Repeat("a", 64<<10)+"/jobs", ada)),
		odd("tricks/sizes/long-query", get(jobs+"?ref="+strings.Repeat("a", 64<<10), ada)),
		odd("tricks/sizes/long-number", get(widgets+"/jobs/"+strings.Repeat("1", 2000), ada)),
		odd("tricks/sizes/long-scope", get(jobs+"?scope="+strings.Repeat("a", 8000), ada)),
		odd("tricks/sizes/long-token", get(jobs+"?private_token="+strings.Repeat("a", 9000))),
		odd("tricks/sizes/long-field", get(jobs, ada, header("X-Nothing", strings.Repeat("a", 60<<10)))),
		odd("tricks/sizes/deep-json", post(playManual, ada, jsonBody(strings.Repeat("[", 5000)+strings.Repeat("]", 5000)))),
		odd("tricks/sizes/deep-member", post(playManual, ada, jsonBody(`{"x":`+strings.Repeat(`{"a":`, 2000)+"1"+strings.Repeat("}", 2000)+"}"))),
		odd("tricks/sizes/large-json", post(playManual, ada, jsonBody(`{"x":"`+strings.Repeat("a", 1<<20)+`"}`))),
		odd("tricks/sizes/many-variables", post(playManual, ada, variables("["+strings.Repeat(`{"key":"A","value":"1"},`, 3000)+`{"key":"B","value":"2"}]`))),
	}},
	{"A credential in a parameter cannot bring a header field along", each(map[string]call{
		"query":        get(jobs + "?private_token=x%0d%0aSudo:%20root"),
		"newline":      get(jobs + "?private_token=x%0aSudo:%20root"),
		"form":         post(playManual, form("private_token=x%0d%0aPrivate-Token:%20"+developer)),
		"json":         post(playManual, jsonBody(`{"private_token":"x\r\nPrivate-Token: `+developer+`"}`)),
		"job-token":    get("/job?token=x%0d%0aJob-Token:%20" + running),
		"sudo":         get(jobs+"?sudo=a%0d%0aX-Evil:%201", root),
		"access-token": get(jobs + "?access_token=x%0d%0aSudo:%20root"), "delete": get(jobs + "?private_token=x%7f"),
		"latin": get(jobs + "?private_token=%C3%A9"), "blank-before": get(jobs + "?private_token=+" + developer),
		"blank-behind": get(jobs + "?private_token=" + developer + "+"),
		"comma":        get(jobs + "?private_token=" + developer + ",x"),
		"tab":          get(jobs + "?private_token=" + developer + "%09"),
	}, func(name string, one call) testCase {
		want := 401
		if name == "sudo" {
			want = 404
		}
		return c("tricks/injection/"+name, want, one)
	})},
	{"Framing that can be read in two ways is refused or read in one", []testCase{
		odd("tricks/framing/two-lengths", post(playManual, ada, header("Content-Length", "3"), sending("application/json", "{}"))),
		odd("tricks/framing/length-and-chunks", post(playManual, ada, header("Content-Length", "2"), chunked("application/json", "{}"))),
		odd("tricks/framing/odd-coding", post(playManual, ada, header("Transfer-Encoding", "gzip"), sending("application/json", "{}"))),
		odd("tricks/framing/folded", get(jobs, header("X-A", "b\r\n c"), ada)),
		odd("tricks/framing/blank-before-colon", get(jobs, header("X-A ", "b"), ada)),
		odd("tricks/framing/no-such-field", get(jobs, header("X(A)", "b"), ada)),
		odd("tricks/framing/null", get(jobs, header("X-A", "\x00"), ada)),
		odd("tricks/framing/expectation", post(playManual, ada, header("Expect", "a miracle"))),
		odd("tricks/framing/upgrade", get(jobs, ada, header("Upgrade", "websocket"), header("Connection", "Upgrade"))),
		odd("tricks/framing/hop", get(jobs, ada, header("Connection", "Private-Token"))),
		odd("tricks/framing/second-host", get(jobs, ada, header("Host", "evil.example"))),
	}},
}}
