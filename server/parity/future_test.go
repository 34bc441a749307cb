package parity

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// answered are calls whose answers a newer GitLab may shape in another way.
var answered = map[string]call{
	"job": get(widgets+"/jobs/101", ada), "failed-job": get(widgets+"/jobs/102", ada),
	"list": get(mainPL+"/jobs?per_page=40", ada), "bridges": get(mainPL+"/bridges", ada),
	"token-job": get("/job", jobToken(running)),
	"agents":    get("/job/allowed_agents", jobToken("glcbt-sandbox-deploy")),
	"cancel":    post(force+"?force=true", ada), "retry": post(widgets+"/jobs/102/retry", ada),
	"erase": post(widgets+"/jobs/101/erase", ada), "play": post(playManual, ada),
	"play-bridge": post(widgets+"/jobs/133/play", ada),
}

// rewriting changes JSON by pattern and replacement, in turn, as a text: members keep their order.
func rewriting(pairs ...string) func(*httptest.ResponseRecorder) {
	type rewrite struct {
		was *regexp.Regexp
		is  string
	}
	var all []rewrite
	for pair := range slices.Chunk(pairs, 2) {
		all = append(all, rewrite{regexp.MustCompile(pair[0]), pair[1]})
	}
	return func(w *httptest.ResponseRecorder) {
		body := w.Body.String()
		for _, one := range all {
			body = one.was.ReplaceAllString(body, one.is)
		}
		w.Body.Reset()
		w.Body.WriteString(body)
	}
}

// future plays each call against a GitLab whose answers are changed.
func future(id string, change func(*httptest.ResponseRecorder)) []testCase {
	return each(answered, func(name string, one call) testCase {
		want := http.StatusOK
		if name == "cancel" || name == "retry" || name == "erase" {
			want = http.StatusCreated
		}
		return c("future/"+id+"/"+name, want, one).behind(changing(change)).byValue()
	})
}

// shapes are changes of JSON that keep it what the API promises: an object, or an array of them.
var shapes = map[string]func(*httptest.ResponseRecorder){
	"new-members-first": rewriting(`\{"`, `{"x_new":{"a":[1.50,null,true,"é"],"b":{}},"`),
	"new-members-last":  rewriting(`\}`, `,"x_new":-0.0}`, `\{,`, `{`),
	"new-words": rewriting(`"status":"[a-z_]+"`, `"status":"triumphant"`, `"file_type":"[a-z]+"`, `"file_type":"hologram"`,
		`"runner_type":"[a-z_]+"`, `"runner_type":"quantum"`, `"source":"[a-z_]+"`, `"source":"dream"`, `"failure_reason":"[a-z_]+"`,
		`"failure_reason":"moon_phase"`),
	"words-in-capitals":    rewriting(`"status":"([a-z_]+)"`, `"status":"${1}X"`, `"file_format":"zip"`, `"file_format":"ZIP"`),
	"enum-names":           rewriting(`"status":"[a-z_]+"`, `"status":"unspecified"`, `"source":"[a-z_]+"`, `"source":"JOB_STATUS_FAILED"`),
	"ids-as-texts":         rewriting(`"(id|iid|size|project_id)":(\d+)`, `"$1":"$2"`),
	"ids-as-floats":        rewriting(`"(id|iid|size)":(\d+)`, `"$1":$2.0`),
	"ids-beyond-64-bits":   rewriting(`"(id|size)":(\d+)`, `"$1":${2}00000000000000000000`),
	"negative-ids":         rewriting(`"(id|size)":(\d+)`, `"$1":-$2`),
	"exponents":            rewriting(`"duration":(\d)`, `"duration":${1}e0,"x":1`, `"coverage":[\d.]+`, `"coverage":8.74E+1`),
	"whole-durations":      rewriting(`"duration":(\d+)\.\d+`, `"duration":$1`),
	"long-durations":       rewriting(`"duration":(\d+)\.\d+`, `"duration":$1.12345678901234567890`),
	"durations-as-texts":   rewriting(`"(duration|queued_duration|coverage)":([\d.]+)`, `"$1":"$2 s"`),
	"booleans-as-numbers":  rewriting(`:true`, `:1`, `:false`, `:0`),
	"texts-as-null":        rewriting(`"(name|stage|ref|sha|username|title|web_url|file_type)":"[^"]*"`, `"$1":null`),
	"numbers-as-null":      rewriting(`"(id|iid|size|project_id)":\d+`, `"$1":null`),
	"booleans-as-null":     rewriting(`:(true|false)`, `:null`),
	"objects-as-null":      rewriting(`"project":\{"ci[^}]*\}`, `"project":null`, `"trailers":\{[^}]*\}`, `"trailers":null`, `"configuration":\{\}`, `"configuration":null`),
	"lists-as-null":        rewriting(`"(artifacts|tag_list|groups|roles_in_project|parent_ids)":\[[^\]]*\]`, `"$1":null`),
	"objects-as-texts":     rewriting(`"project":\{"ci[^}]*\}`, `"project":"acme/widgets"`, `"trailers":\{[^}]*\}`, `"trailers":[]`),
	"lists-as-objects":     rewriting(`"(artifacts|tag_list|parent_ids)":\[[^\]]*\]`, `"$1":{"0":"a"}`),
	"lists-of-null":        rewriting(`"(artifacts|tag_list|parent_ids)":\[[^\]]*\]`, `"$1":[null,null]`),
	"texts-as-objects":     rewriting(`"(name|ref)":"[^"]*"`, `"$1":{"en":"a","de":"b"}`),
	"members-gone":         rewriting(`"(stage|tag|ref|sha|locked|description)":("[^"]*"|true|false|null),`, ``),
	"members-twice":        rewriting(`"(stage|ref|status)":"([^"]*)"`, `"$1":"first","$1":"$2"`),
	"other-times":          rewriting(`\.000Z"`, `Z"`, `(\d\d)\.(\d\d\d)Z"`, `$1.${2}000+00:00"`, `T(\d\d:\d\d:\d\d)`, ` $1`),
	"microseconds":         rewriting(`(\d\d\.\d\d\d)Z"`, `${1}456Z"`),
	"times-as-numbers":     rewriting(`"(created_at|started_at|finished_at)":"[^"]*"`, `"$1":1772622600`),
	"impossible-times":     rewriting(`"(created_at|started_at)":"[^"]*"`, `"$1":"2026-02-30T25:61:61.000Z"`),
	"escapes":              rewriting(`"name":"([^"])`, `"name":"\u003c\/\u00e9\ud83d\ude00\u0000${1}`),
	"lone-surrogates":      rewriting(`"name":"`, `"name":"\ud800`),
	"long-texts":           rewriting(`"name":"`, `"name":"`+strings.Repeat("long ", 5000)),
	"blanks":               rewriting(`,"`, " ,\n\t\"", `":`, `" : `),
	"newline":              rewriting(`\z`, "\n"),
	"our-own-members":      rewriting(`\{"`, `{"extra":{"a":"b"},"absent":[1,2],"next_page_token":"x","jobs":[],"job":{},"`),
	"camel-case":           rewriting(`_([a-z])`, `${1}X`),
	"deep":                 rewriting(`"tag":`, `"x_deep":`+strings.Repeat(`[`, 60)+strings.Repeat(`]`, 60)+`,"tag":`),
	"empty-names":          rewriting(`"tag":`, `"":{"":1},"tag":`),
	"empty-objects":        rewriting(`(?s)\A\{.*\}\z`, `{}`, `(?s)\A\[.*\]\z`, `[{},{}]`),
	"numbers-that-are-odd": rewriting(`"coverage":(null|[\d.]+)`, `"coverage":-0`, `"queued_duration":(null|[\d.]+)`, `"queued_duration":1E400`),
}

// headed adds header fields.
func headed(pairs ...string) func(*httptest.ResponseRecorder) {
	return func(w *httptest.ResponseRecorder) {
		for pair := range slices.Chunk(pairs, 2) {
			w.Header().Add(pair[0], pair[1])
		}
	}
}

// fields are header fields that GitLab may come to send.
var fields = map[string]func(*httptest.ResponseRecorder){
	"x":               headed("X-New-Thing", "a, b=\"c\"", "X-Gitlab-Custom", "é", "X-Twice", "1", "X-Twice", "2", "X-Empty", ""),
	"ratelimit":       headed("RateLimit-Policy", `"default";q=100;w=60`, "RateLimit-New", "1"),
	"ratelimit-draft": headed("RateLimit", `"default";r=50;t=30`),
	"deprecation":     headed("Deprecation", "@1688169599", "Sunset", "Sat, 31 Dec 2028 23:59:59 GMT", "Link", `<https://docs.gitlab.com/x>; rel="deprecation"`),
	"gitlab":          headed("Gitlab-Sv", "web-1", "GitLab-LB", "haproxy-1", "Gitlab-Feature-Flag", "a=true"),
	"representation":  headed("Content-Language", "en", "Last-Modified", "Wed, 04 Mar 2026 11:00:00 GMT", "Expires", "Wed, 04 Mar 2026 13:00:00 GMT", "Pragma", "no-cache"),
	"policy": headed("Content-Security-Policy", "default-src 'none'", "Referrer-Policy", "strict-origin",
		"Access-Control-Allow-Private-Network", "true", "Warning", `299 - "old"`),
	"vary": headed("Vary", "Accept-Encoding", "Vary", "Accept"),
	"charset": func(w *httptest.ResponseRecorder) {
		w.Header().Set("Content-Type", w.Header().Get("Content-Type")+"; charset=utf-8")
	},
	"no-etag": func(w *httptest.ResponseRecorder) {
		w.Header().Del("ETag")
		w.Header().Set("Cache-Control", "no-store")
	},
	"strong-etag": func(w *httptest.ResponseRecorder) { w.Header().Set("ETag", `"strong,1"`) },
	"cursors":     headed("X-Next-Cursor", strings.Repeat("c", 3000), "X-Total-Approximate", "5"),
}

// statused changes the status of what went well.
func statused(code int) func(*httptest.ResponseRecorder) {
	return func(w *httptest.ResponseRecorder) { w.Code = code }
}

var sectionFuture = section{"A newer GitLab", []rule{
	{"JSON of another shape reaches the caller, value by value", shaped()},
	{"JSON that is no object, or no list, where one was, reaches the caller too", []testCase{
		c("future/top/null", 200, get(jobs, ada), get(widgets+"/jobs/101", ada)).behind(changing(rewriting(`(?s).+`, `null`))),
		c("future/top/number", 200, get(jobs, ada), post(playManual, ada)).behind(changing(rewriting(`(?s).+`, ` 1.50 `))),
		c("future/top/list", 200, get(jobs, ada)).given(failing(sandbox.Fault{Kind: sandbox.WrongShape})),
		c("future/top/object", 200, get(widgets+"/jobs/101", ada), post(playManual, ada)).given(failing(sandbox.Fault{Kind: sandbox.WrongShape})),
	}},
	{"Fields in the header that are new reach the caller", fielded()},
	{"Another status of a success reaches the caller", slices.Concat(
		each(map[string]call{
			"cancel": post(force+"?force=true", ada), "play": post(playManual, ada),
			"retry": post(widgets+"/jobs/102/retry", ada), "erase": post(widgets+"/jobs/101/erase", ada),
			"play-bridge": post(widgets+"/jobs/133/play", ada),
		}, func(name string, one call) testCase {
			return c("future/status/202-"+name, 202, one).behind(changing(statused(202)))
		}),
		[]testCase{
			c("future/status/201-play", 201, post(playManual, ada)).behind(changing(statused(201))),
			c("future/status/204-list", 204, get(jobs, ada)).behind(changing(func(w *httptest.ResponseRecorder) { w.Code = 204; w.Body.Reset(); w.Header().Del("Content-Length") })),
			c("future/status/300", 300, get(jobs, ada)).behind(changing(statused(300))),
			c("future/status/600", 600, get(jobs, ada)).behind(changing(statused(600))),
			c("future/status/200-cancel", 200, post(force, ada)).behind(changing(statused(200))),
			c("future/status/203-get", 203, get(widgets+"/jobs/101", ada)).behind(changing(statused(203))),
			c("future/status/200-retry", 200, post(widgets+"/jobs/102/retry", ada)).behind(changing(statused(200))),
			c("future/status/204", 204, post(force, ada)).behind(changing(func(w *httptest.ResponseRecorder) {
				w.Code = 204
				w.Body.Reset()
				w.Header().Del("Content-Type")
				w.Header().Del("Content-Length")
			})),
			c("future/status/202-empty", 202, post(force, ada)).behind(changing(func(w *httptest.ResponseRecorder) { w.Code = 202; w.Body.Reset() })),
		},
	)},
	{"A log in other words reaches the caller", each(map[string]func(*httptest.ResponseRecorder){
		"charset":      set("Content-Type", "text/plain; charset=utf-8"),
		"attachment":   set("Content-Disposition", `attachment; filename="job.log"`),
		"octets":       set("Content-Type", "application/octet-stream"),
		"fields":       headed("X-Log-Size", "123", "X-Gitlab-Trace", "archived"),
		"partial-size": headed("X-Total-Size", "9"),
	}, func(name string, change func(*httptest.ResponseRecorder)) testCase {
		return c("future/log/"+name, 200, get(trace, ada), get(trace+"?byte_limit=9", ada)).behind(changing(change))
	})},
}}

func shaped() []testCase {
	var cases []testCase
	for _, name := range sortedNames(shapes) {
		cases = append(cases, future("shape/"+name, shapes[name])...)
	}
	return cases
}

func fielded() []testCase {
	return each(fields, func(name string, change func(*httptest.ResponseRecorder)) testCase {
		return c("future/fields/"+name, 404, get(jobs+"?per_page=2", ada), post(playManual, ada), get("/job/allowed_agents", jobToken(running)),
			get(trace, ada), head(jobs, ada), get(jobs+".json?per_page=2", ada), get(widgets+"/jobs/999", ada)).behind(changing(change))
	})
}
