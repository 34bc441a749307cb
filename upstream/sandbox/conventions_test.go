package sandbox_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestConventions(t *testing.T) {
	m := by(maintainer)
	runAll(t, map[string]exchange{
		"1 project by number":             {method: "GET", target: widgets + "/jobs", as: m, status: 200},
		"1 project by path":               {method: "GET", target: api + "/projects/acme%2Fwidgets/jobs", as: m, status: 200},
		"1 project by path, any case":     {method: "GET", target: api + "/projects/ACME%2fWidgets/jobs", as: m, status: 200},
		"1 project in a subgroup":         {method: "GET", target: api + "/projects/group%2Fsub%2Fproj/jobs", as: m, status: 200},
		"1 encoded dot in a path":         {method: "GET", target: api + "/projects/acme%2Fwidgets%2E/jobs", as: m, status: 404, want: `{"message":"404 Project Not Found"}`},
		"1 un-encoded path":               {method: "GET", target: api + "/projects/acme/widgets/jobs", as: m, status: 404, want: `{"error":"404 Not Found"}`},
		"1 text without slash":            {method: "GET", target: api + "/projects/widgets/jobs", as: m, status: 404, want: `{"message":"404 Project Not Found"}`},
		"1 number beyond 64 bits":         {method: "GET", target: api + "/projects/99999999999999999999/jobs", as: m, status: 404, want: `{"message":"404 Project Not Found"}`},
		"1 slashes in a row":              {method: "GET", target: "//api/v4//projects/1///jobs//", as: m, status: 200},
		"1 slashes in a row, no route":    {method: "GET", target: api + "//projects//1", as: m, status: 404, want: `{"error":"404 Not Found"}`},
		"1 v3":                            {method: "POST", target: "/api/v3/x", status: 410},
		"1 .json":                         {method: "GET", target: jobURL(sandbox.JobSuccess) + ".json", as: m, status: 200},
		"1 HEAD":                          {method: "HEAD", target: jobURL(sandbox.JobSuccess), as: m, status: 200},
		"1 HEAD where there is only POST": {method: "HEAD", target: jobURL(sandbox.JobSuccess, "play"), as: m, status: 405},
		"1 boolean in other words":        {method: "GET", target: mainPL + "/jobs?include_retried=On", as: m, status: 200},
		"1 unknown parameters":            {method: "GET", target: widgets + "/jobs?colour=blue&x[]=1&y[a]=2", as: m, status: 200},
		"1 a body that is not JSON":       {method: "POST", target: jobURL(sandbox.JobManual, "play"), kind: jsonType, body: "{", as: m, status: 400},
	})
}

func TestMovedProject(t *testing.T) {
	sb, _ := newBox()
	for name, tc := range map[string]struct{ method, path, target string }{
		"1 GET":                {"GET", "/projects/acme%2Fold-gadgets/jobs", "/projects/4/jobs"},
		"1 HEAD":               {"HEAD", "/projects/acme%2Fold-gadgets/jobs", "/projects/4/jobs"},
		"1 any case":           {"GET", "/projects/Acme%2FOld-Gadgets/jobs/401", "/projects/4/jobs/401"},
		"1 slashes in a row":   {"GET", "//projects//acme%2Fold-gadgets/jobs", "/projects/4/jobs"},
		"1 query goes with it": {"GET", "/projects/acme%2Fold-gadgets/jobs?page=2", "/projects/4/jobs?page=2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(sb, tc.method, api+tc.path, maintainer)
			wantStatus(t, w, http.StatusMovedPermanently)
			target := sandbox.DefaultURL + api + tc.target
			wantHeader(t, w, "Location", target)
			wantHeader(t, w, "Content-Type", "text/plain")
			if tc.method == "GET" {
				wantBody(t, w, "This resource has been moved permanently to "+target)
			}
		})
	}
	t.Run("1 hidden from outsiders", func(t *testing.T) {
		w := send(sb, "GET", api+"/projects/acme%2Fold-gadgets/jobs", as(sandbox.TokenOutsider))
		wantStatus(t, w, http.StatusNotFound)
	})
	t.Run("1 number is not moved", func(t *testing.T) {
		wantStatus(t, send(sb, "GET", api+"/projects/4/jobs", maintainer), http.StatusOK)
	})
}

func TestMethods(t *testing.T) {
	sb, _ := newBox()
	for name, tc := range map[string]struct {
		method, target string
		status         int
		allow          string
	}{
		"1 OPTIONS of a list":   {"OPTIONS", widgets + "/jobs", 204, "OPTIONS, GET, HEAD"},
		"1 OPTIONS of a write":  {"OPTIONS", jobURL(1, "play"), 204, "OPTIONS, POST"},
		"1 405 names the rest":  {"PUT", jobURL(1), 405, "OPTIONS, GET, HEAD"},
		"1 405 before any 401":  {"GET", jobURL(1, "erase"), 405, "OPTIONS, POST"},
		"1 OPTIONS of no route": {"OPTIONS", api + "/nothing", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(sb, tc.method, tc.target)
			wantStatus(t, w, tc.status)
			wantHeader(t, w, "Allow", tc.allow)
		})
	}
}

// Rack and the API framework decide which bodies are parameters (contract section 1).
func TestBodies(t *testing.T) {
	force := jobURL(sandbox.JobCanceling, "cancel")
	m := by(maintainer)
	runAll(t, map[string]exchange{
		"1 form of a GET":              {method: "GET", target: widgets + "/jobs", kind: formType, body: "scope=nope", as: m, status: 400},
		"1 JSON of a GET is not read":  {method: "GET", target: widgets + "/jobs", kind: jsonType, body: `{"scope":"nope"}`, as: m, status: 200},
		"1 something after the JSON":   {method: "POST", target: force, kind: jsonType, body: `{"force":true}{`, as: m, status: 400, want: `{"error":"message body does not match declared format"}`},
		"1 a list is no parameters":    {method: "POST", target: force, kind: jsonType, body: `[1]`, as: m, status: 201},
		"1 JSON without a type":        {method: "POST", target: force, body: `{"force":"maybe"}`, as: m, status: 400, want: `{"error":"force is invalid"}`},
		"1 no JSON, and no type":       {method: "POST", target: force, body: `force=true`, as: m, status: 400},
		"1 another type":               {method: "POST", target: force, kind: "Text/XML; charset=utf-8", body: `<force/>`, as: m, status: 415, want: `{"error":"The provided content-type 'text/xml' is not supported."}`},
		"1 another type, empty":        {method: "POST", target: force, kind: "text/xml", as: m, status: 201},
		"1 a name for two kinds":       {method: "GET", target: widgets + "/jobs?scope=failed&scope[]=manual", as: m, status: 400, want: "Bad Request"},
		"1 a plain name comes last":    {method: "GET", target: widgets + "/jobs?scope[]=nope&scope=manual", as: m, status: 200},
		"1 a name without a value":     {method: "GET", target: widgets + "/jobs?scope", as: m, status: 200},
		"1 a broken escape":            {method: "GET", target: widgets + "/jobs?x=%zz", as: m, status: 400, want: "Bad Request"},
		"1 a query that is not UTF-8":  {method: "GET", target: widgets + "/jobs?x=%ff", as: m, status: 400, want: "Bad Request"},
		"1 a null byte in a query":     {method: "GET", target: widgets + "/jobs?x[]=a%00", as: m, status: 400, want: "Bad Request"},
		"1 a null byte in JSON":        {method: "POST", target: force, kind: jsonType, body: `{"x":{"y":"\u0000"}}`, as: m, status: 400, want: "Bad Request"},
		"1 JSON that is not UTF-8":     {method: "POST", target: force, kind: jsonType, body: "{\"x\":\"\xe9\"}", as: m, status: 400, want: "Bad Request"},
		"1 a null byte in a path":      {method: "GET", target: api + "/projects/a%2F%00/jobs", as: m, status: 400, want: "Bad Request"},
		"1 a null byte, basic":         {method: "GET", target: widgets + "/jobs", as: by(header("Authorization", "Basic YQBi")), status: 400, want: "Bad Request"},
		"1 a path that is not UTF-8":   {method: "GET", target: api + "/projects/a%2F%ff/jobs", as: m, status: 400, want: "Bad Request"},
		"1 a type that is only a word": {method: "POST", target: force, kind: "multipart/form-data", body: "x", as: m, status: 201},
	})
}

// Parameters of a POST may come from anywhere; all places are merged.
func TestParametersFromEverywhere(t *testing.T) {
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	_ = parts.WriteField("force", "true")
	_ = parts.Close()
	target := jobURL(sandbox.JobCanceling, "cancel")
	for name, tc := range map[string]struct{ query, kind, body string }{
		"1 query":            {"?force=true", "", ""},
		"1 form":             {"", formType, "force=true"},
		"1 multipart":        {"", parts.FormDataContentType(), form.String()},
		"1 JSON":             {"", jsonType, `{"force":true}`},
		"1 JSON as text":     {"", jsonType + "; charset=utf-8", `{"force":"t"}`},
		"1 body beats query": {"?force=false", formType, "force=true"},
		"1 last one wins":    {"?force=false&force=true", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sb, _ := newBox()
			w := sendBody(sb, "POST", target+tc.query, tc.kind, tc.body, maintainer)
			wantStatus(t, w, http.StatusCreated)
			if got := object(t, w)["status"]; got != "canceled" {
				t.Errorf("status %v: force was not read", got)
			}
		})
	}
}

func TestScopeSpellings(t *testing.T) {
	sb, _ := newBox()
	for name, tc := range map[string]struct {
		query string
		want  []string
	}{
		"1 one":                       {"scope=manual", []string{"manual"}},
		"1 brackets":                  {"scope[]=manual&scope[]=created", []string{"created", "manual"}},
		"1 escaped brackets":          {"scope%5B%5D=manual&scope%5B%5D=created", []string{"created", "manual"}},
		"1 repeated without brackets": {"scope=manual&scope=created", []string{"created"}},
		"7.1 hash":                    {"scope[0]=manual&scope[7]=created", []string{"created", "manual"}},
		"1 plus is a space":           {"scope=manual&ref=+main+", []string{"manual"}},
		"1 escaped plus is none":      {"scope=manual&ref=main%2B", nil},
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			for _, j := range list(t, send(sb, "GET", widgets+"/jobs?"+tc.query, maintainer)) {
				seen[fmt.Sprint(j["status"])] = true
			}
			want := map[string]bool{}
			for _, s := range tc.want {
				want[s] = true
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVariableSpellings(t *testing.T) {
	for name, tc := range map[string]struct{ kind, body string }{
		"1 form": {formType, "job_variables_attributes[][key]=A&job_variables_attributes[][value]=1" +
			"&job_variables_attributes[][key]=B&job_variables_attributes[][value]=2"},
		"1 JSON":           {jsonType, `{"job_variables_attributes":[{"key":"A","value":"1"}]}`},
		"1 JSON, an empty": {jsonType, `{"job_variables_attributes":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			sb, _ := newBox()
			w := sendBody(sb, "POST", jobURL(sandbox.JobManual, "play"), tc.kind, tc.body, developer)
			wantStatus(t, w, http.StatusOK)
		})
	}
	t.Run("1 form elements are told apart", func(t *testing.T) {
		sb, _ := newBox()
		body := "job_variables_attributes[][key]=A&job_variables_attributes[][key]=B"
		w := sendBody(sb, "POST", jobURL(sandbox.JobManual, "play"), formType, body, developer)
		wantBody(t, w, `{"error":"job_variables_attributes[0][value] is missing, `+
			`job_variables_attributes[1][value] is missing"}`)
	})
}

func TestScalars(t *testing.T) {
	sb, _ := newBox()
	text := send(sb, "GET", jobURL(sandbox.JobRetriedBy), maintainer).Body.String()
	for rule, want := range map[string]string{
		"1 whole float":              `"duration":240.0,`,
		"1 author's offset":          `+01:00"`,
		"1 three fraction digits":    `"created_at":"2026-03-04T09:22:40.259Z"`,
		"1 nothing escaped for HTML": `"Signed-off-by":"Ada Byron <ada@example.com>"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: no %s in %s", rule, want, text)
		}
	}
	big := send(sb, "GET", jobURL(sandbox.JobBig), maintainer).Body.String()
	if !strings.HasPrefix(big, `{"id":13372368128,`) {
		t.Errorf("1 ids are numbers: %.40s", big)
	}
}

func TestRelativeRoot(t *testing.T) {
	sb, _ := newBox(sandbox.WithURL("https://git.example.com/gitlab/"))
	w := send(sb, "GET", "/gitlab"+jobURL(sandbox.JobSuccess), maintainer)
	wantStatus(t, w, http.StatusOK)
	if got := object(t, w)["web_url"]; got != "https://git.example.com/gitlab/acme/widgets/-/jobs/101" {
		t.Errorf("web_url %v", got)
	}
	wantStatus(t, send(sb, "GET", jobURL(sandbox.JobSuccess), maintainer), http.StatusNotFound)
	link := send(sb, "GET", "/gitlab"+widgets+"/jobs", maintainer).Header().Get("Link")
	if !strings.HasPrefix(link, "<https://git.example.com/gitlab/api/v4/projects/1/jobs?") {
		t.Errorf("Link %s", link)
	}
}

func TestURLOfTheRequest(t *testing.T) {
	sb, _ := newBox(sandbox.WithURL(""))
	link := send(sb, "GET", widgets+"/jobs", maintainer).Header().Get("Link")
	u, err := url.Parse(strings.Trim(strings.SplitN(link, ">", 2)[0], "<"))
	if err != nil || u.Host != "example.com" || u.Scheme != "http" {
		t.Errorf("Link %s: %v", link, err)
	}
}
