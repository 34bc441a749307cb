package rest

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The routes are those that grpc-gateway was generated for.
func TestRoutesAreThoseOfTheContract(t *testing.T) {
	text, err := os.ReadFile("../../proto/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type rule struct{ Get, Post string }
	var api struct {
		HTTP struct {
			Rules []struct {
				rule               `yaml:",inline"`
				AdditionalBindings []rule `yaml:"additional_bindings"`
			}
		}
	}
	if err := yaml.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	add := func(r rule) {
		if r.Get != "" {
			want = append(want, "GET "+r.Get)
		} else {
			want = append(want, "POST "+r.Post)
		}
	}
	for _, r := range api.HTTP.Rules {
		add(r.rule)
		for _, more := range r.AdditionalBindings {
			add(more)
		}
	}
	for _, rt := range routes {
		got = append(got, rt.method+" "+apiRoot+"/"+strings.Join(rt.segments, "/"))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || len(got) != 12 {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFind(t *testing.T) {
	cases := map[string]struct {
		route string // its last words, "" for none
		fits  bool
	}{
		"/projects/1/jobs/7":       {"jobs/{job_id}", true},
		"/projects/a%2Fb/jobs/7":   {"jobs/{job_id}", true},
		"/projects/a%2Fb%2Fc/jobs": {"{project}/jobs", true}, "/projects/a%2fb/jobs": {"{project}/jobs", false}, "/projects/%31/jobs": {"{project}/jobs", false},
		"/projects/a%252Fb/jobs":                {"{project}/jobs", true},
		"/projects/1/pipelines/2/jobs":          {"{pipeline_id}/jobs", true},
		"/projects/1/pipelines/2/bridges":       {"bridges", true},
		"/projects/1/pipelines/2/trigger_jobs":  {"trigger_jobs", true},
		"/projects/1/jobs/7/trace":              {"trace", true},
		"/job":                                  {"job", true},
		"/job/allowed_agents":                   {"job/allowed_agents", true},
		"/projects/1/jobs/7/cancel":             {"cancel", true},
		"/projects/1/jobs/abc":                  {"jobs/{job_id}", false},
		"/projects/1/jobs/0":                    {"jobs/{job_id}", false},
		"/projects/1/jobs/-7":                   {"jobs/{job_id}", false},
		"/projects/1/jobs/07":                   {"jobs/{job_id}", false},
		"/projects/1/jobs/99999999999999999999": {"jobs/{job_id}", false},
		"/projects/1/jobs.json":                 {"{project}/jobs", false},
		"/projects/1/jobs/7.json":               {"jobs/{job_id}", false},
		"/projects/1/jobs/7/trace.json":         {"trace", false},
		"/job.json":                             {"job", false},
		"/projects/1/jobs/":                     {"{project}/jobs", false},
		"//projects//1/jobs":                    {"{project}/jobs", false},
		"/projects/%00/jobs":                    {"{project}/jobs", false},
		"/projects/%zz/jobs":                    {"{project}/jobs", false},
		"/projects/%ff/jobs":                    {"{project}/jobs", false},
		"/projects/a%2F%2Fb/jobs":               {"{project}/jobs", false},
		"/projects/a/b/jobs":                    {"", false},
		"/projects//jobs":                       {"", false},
		"/projects/1/jobs/7/artifacts":          {"", false},
		"/projects/1":                           {"", false},
		"":                                      {"", false},
		"/":                                     {"", false},
		"/version":                              {"", false},
		"/projects/1/Jobs":                      {"", false},
		"/projects/1/jobs/7/trace/":             {"trace", false},
		"/projects/" + strings.Repeat("a", 3000) + "/jobs": {"{project}/jobs", false},
	}
	for path, want := range cases {
		m, ok := find(path)
		if ok != (want.route != "") {
			t.Errorf("%.100s: found %v", path, ok)
			continue
		}
		if ok && (!strings.HasSuffix(strings.Join(m.segments, "/"), want.route) || m.fits != want.fits) {
			t.Errorf("%.100s: %q, fits %v", path, m.segments, m.fits)
		}
	}
}

func TestDotsNameNobody(t *testing.T) {
	for path, want := range map[string]string{
		"/projects/1/jobs/7":                "/projects/1/jobs/7",
		"/projects/a.b%2Fc..d/jobs":         "/projects/a.b%2Fc..d/jobs",
		"/projects/%2e%2e/jobs":             "/projects/-/jobs",
		"/projects/%2E./jobs/.":             "/projects/-/jobs/-",
		"/projects/a%2F..%2F%2e%2Fb/jobs":   "/projects/a%2F-%2F-%2Fb/jobs",
		"/projects/1/jobs/%2e%2e/variables": "/projects/1/jobs/-/variables",
		"/projects/...%2Fx/jobs":            "/projects/...%2Fx/jobs",
		"/projects/%zz%2e/jobs":             "/projects/%zz%2e/jobs",
	} {
		if got := withoutDots(path); got != want {
			t.Errorf("%s became %s, want %s", path, got, want)
		}
	}
}

func FuzzPaths(f *testing.F) {
	for _, seed := range []string{"/projects/a%2Fb/jobs/7", "/projects/%2e%2e/jobs", "//job/", "/projects/1/jobs/7.json"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		safe := withoutDots(path)
		for segment := range strings.SplitSeq(safe, "/") {
			text, err := url.PathUnescape(segment)
			for part := range strings.SplitSeq(text, "/") {
				if err == nil && (part == "." || part == "..") {
					t.Errorf("%q still has dots: %q", path, safe)
				}
			}
		}
		if m, ok := find(safe); ok && m.fits {
			for i, name := range m.segments {
				if name == "{project}" {
					if again, _ := url.PathUnescape(strings.Split(safe, "/")[i+1]); again != m.project {
						t.Errorf("%q: project %q", path, m.project)
					}
				}
			}
		}
	})
}
