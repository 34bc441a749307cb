package parity

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// planted is a fault between the caller and GitLab, which a comparison must find.
type planted struct {
	asked  func(*http.Request)              // changes what goes to GitLab
	answer func(*httptest.ResponseRecorder) // changes what comes back
	twice  bool                             // sends each request two times
	local  bool                             // answers 404 by itself
	find   string                           // part of the difference that is told
}

func set(name, value string) func(*httptest.ResponseRecorder) {
	return func(w *httptest.ResponseRecorder) { w.Header().Set(name, value) }
}

func drop(name string) func(*httptest.ResponseRecorder) {
	return func(w *httptest.ResponseRecorder) { w.Header().Del(name) }
}

// swap replaces a part of the body by one of another length or not.
func swap(was, is string) func(*httptest.ResponseRecorder) {
	return func(w *httptest.ResponseRecorder) {
		body := strings.Replace(w.Body.String(), was, is, 1)
		w.Body.Reset()
		w.Body.WriteString(body)
	}
}

func query(change func(url.Values)) func(*http.Request) {
	return func(r *http.Request) {
		values := r.URL.Query()
		change(values)
		r.URL.RawQuery = values.Encode()
	}
}

// faults are all that a gateway can do wrong. The call lists a pipeline's jobs, by a token in the
// header, with scope, unknown parameter, origin and request id.
var faults = map[string]planted{
	"status":                {answer: func(w *httptest.ResponseRecorder) { w.Code = 201 }, find: "status 201, want 200"},
	"field changed":         {answer: set("X-Total", "5"), find: "X-Total"},
	"field dropped":         {answer: drop("X-Runtime"), find: "X-Runtime"},
	"field emptied":         {answer: set("Vary", ""), find: "Vary"},
	"empty field dropped":   {answer: drop("X-Prev-Page"), find: "X-Prev-Page"},
	"field added":           {answer: set("Server", "jobgate"), find: "Server"},
	"charset added":         {answer: set("Content-Type", "application/json; charset=utf-8"), find: "charset"},
	"link to GitLab":        {answer: func(w *httptest.ResponseRecorder) { w.Header()["Link"][0] += ", <https://gitlab.example.com/x>" }, find: "Link"},
	"link out of order":     {answer: func(w *httptest.ResponseRecorder) { reorder(w.Header()["Link"]) }, find: "Link"},
	"byte":                  {answer: swap(`"lint"`, `"Lint"`), find: "JSON"},
	"number's text":         {answer: swap(`"coverage":null`, `"coverage":0`), find: "coverage"},
	"whole float":           {answer: swap(`"duration":15.5`, `"duration":15.50`), find: "duration"},
	"number as text":        {answer: swap(`"id":102`, `"id":"102"`), find: "string 102"},
	"null dropped":          {answer: swap(`"erased_at":null,`, ``), find: "erased_at"},
	"order of members":      {answer: swap(`"tag":false,"coverage":null`, `"coverage":null,"tag":false`), find: "not in bytes"},
	"blank":                 {answer: swap(`"tag":false`, `"tag": false`), find: "not in bytes"},
	"body cut":              {answer: func(w *httptest.ResponseRecorder) { w.Body.Truncate(w.Body.Len() - 1) }, find: "body"},
	"newline at the end":    {answer: func(w *httptest.ResponseRecorder) { w.Body.WriteByte('\n') }, find: "not in bytes"},
	"parameter dropped":     {asked: query(func(v url.Values) { v.Del("colour") }), find: "colour"},
	"parameter added":       {asked: query(func(v url.Values) { v.Set("per_page", "20") }), find: "per_page"},
	"parameter changed":     {asked: query(func(v url.Values) { v.Set("colour", "red") }), find: "red"},
	"scope in brackets":     {asked: query(func(v url.Values) { v["scope[]"] = v["scope"]; v.Del("scope") }), find: "scope"},
	"method":                {asked: func(r *http.Request) { r.Method = http.MethodHead }, find: "HEAD"},
	"path":                  {asked: func(r *http.Request) { r.URL.Path = "/api/v4/projects/1/jobs" }, find: "pipelines"},
	"other credential":      {asked: func(r *http.Request) { r.Header.Set("Private-Token", "glpat-sandbox-developer") }, find: "glpat-sandbox-developer"},
	"credential dropped":    {asked: func(r *http.Request) { r.Header.Del("Private-Token") }, find: "status 404"},
	"sudo added":            {asked: func(r *http.Request) { r.Header.Set("Sudo", "root") }, find: "Sudo:root"},
	"origin dropped":        {asked: func(r *http.Request) { r.Header.Del("Origin") }, find: "Access-Control-Allow-Origin"},
	"request id dropped":    {asked: func(r *http.Request) { r.Header.Del("X-Request-Id") }, find: "mine-1"},
	"condition forwarded":   {asked: func(r *http.Request) { r.Header.Set("If-None-Match", `"x"`) }, find: "If-None-Match"},
	"cookie forwarded":      {asked: func(r *http.Request) { r.Header.Set("Cookie", "a=b") }, find: "Cookie"},
	"sent twice":            {twice: true, find: "GitLab received 2 requests, want 1"},
	"answered without call": {local: true, find: "GitLab received 0 requests, want 1"},
}

func reorder(links []string) {
	first, rest, _ := strings.Cut(links[0], ", ")
	links[0] = rest + ", " + first
}

// TestPlantedDifferences proves that the comparison finds what it is for.
func TestPlantedDifferences(t *testing.T) {
	tc := c("planted", 200, get(mainPL+"/jobs?scope=failed&colour=blue", ada, header("Origin", "https://a.example"), header("X-Request-Id", "mine-1")))
	if v := playBoth(t, tc, faulty(planted{})); len(v.differences) > 0 {
		t.Fatalf("a proxy that changes nothing: %v", v.differences)
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			found := strings.Join(playBoth(t, tc, faulty(fault)).differences, "\n")
			if !strings.Contains(found, fault.find) {
				t.Errorf("no %q in the differences: %s", fault.find, found)
			}
		})
	}
}

// TestPlantedInText does the same to an error, a log and a redirect, which are compared in bytes.
func TestPlantedInText(t *testing.T) {
	for name, one := range map[string]struct {
		tc    testCase
		fault planted
	}{
		"error":       {c("planted", 404, get(widgets+"/jobs/999", ada)), planted{answer: swap("Not found", "Not Found")}},
		"error blank": {c("planted", 404, get(widgets+"/jobs/999", ada)), planted{answer: swap(`":"`, `": "`)}},
		"log":         {c("planted", 200, get(trace, ada)), planted{answer: swap("\r", "\n")}},
		"redirect":    {c("planted", 301, get(moved+"/jobs?page=2", ada)), planted{answer: swap("page=2", "page=3")}},
		"location":    {c("planted", 301, get(moved+"/jobs", ada)), planted{answer: set("Location", "https://gitlab.example.com/api/v4/projects/4/jobs")}},
		"head":        {c("planted", 200, head(jobs, ada)), planted{answer: set("Content-Length", "7")}},
		"by value":    {c("planted", 200, get(widgets+"/jobs/101", ada)).byValue(), planted{answer: swap("76.466", "76.4660")}},
		"local":       {c("planted", 404, get("/nothing")).is(local), planted{}},
		"class":       {c("planted", 404, get(widgets+"/jobs/999", ada)).is(class), planted{asked: func(r *http.Request) { r.URL.Path = "/api/v4/projects/1/jobs/101" }}},
	} {
		t.Run(name, func(t *testing.T) {
			if v := playBoth(t, one.tc, faulty(one.fault)); len(v.differences) == 0 {
				t.Error("nothing is found")
			}
		})
	}
}

// faulty is an entrance that does as a good gateway does, but for one fault.
func faulty(fault planted) entrance {
	return func(t *testing.T, gitlab, _ string) place {
		t.Helper()
		where, err := url.Parse("http://" + gitlab)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(where)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if fault.local {
				http.NotFound(w, r)
				return
			}
			if fault.asked != nil {
				fault.asked(r)
			}
			if fault.twice {
				proxy.ServeHTTP(httptest.NewRecorder(), r.Clone(r.Context()))
			}
			got := httptest.NewRecorder()
			proxy.ServeHTTP(got, r)
			readdress(got, "http://"+r.Host)
			if fault.answer != nil {
				fault.answer(got)
			}
			pour(w, r, got)
		}))
		t.Cleanup(front.Close)
		addr := front.Listener.Addr().String()
		return place{"tcp", addr, addr, front.URL}
	}
}
