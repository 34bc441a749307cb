package parity

import (
	"net/http"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// endpoint is one of contract section 7, with a call of it that succeeds.
type endpoint struct {
	method, target string
	caller         change
	status         int
}

const (
	widgets = "/projects/1"
	mainPL  = widgets + "/pipelines/100"
)

var endpoints = map[string]endpoint{
	"project-jobs":   {"GET", widgets + "/jobs", ada, 200},
	"pipeline-jobs":  {"GET", mainPL + "/jobs", ada, 200},
	"bridges":        {"GET", mainPL + "/bridges", ada, 200},
	"trigger-jobs":   {"GET", mainPL + "/trigger_jobs", ada, 200},
	"token-job":      {"GET", "/job", jobToken(sandbox.JobTokenRunning), 200},
	"allowed-agents": {"GET", "/job/allowed_agents", jobToken(sandbox.JobTokenRunning), 200},
	"job":            {"GET", widgets + "/jobs/101", ada, 200},
	"trace":          {"GET", widgets + "/jobs/101/trace", ada, 200},
	"cancel":         {"POST", widgets + "/jobs/103/cancel", ada, 201},
	"retry":          {"POST", widgets + "/jobs/102/retry", ada, 201},
	"erase":          {"POST", widgets + "/jobs/101/erase", ada, 201},
	"play":           {"POST", widgets + "/jobs/104/play", ada, 200},
}

// everywhere makes a case of every endpoint, its name the end of the id.
func everywhere(build func(name string, e endpoint) testCase) []testCase {
	return each(endpoints, build)
}

// reading makes a case of every endpoint that reads.
func reading(build func(name string, e endpoint) testCase) []testCase {
	return some(http.MethodGet, build)
}

// writing makes a case of every endpoint that writes.
func writing(build func(name string, e endpoint) testCase) []testCase {
	return some(http.MethodPost, build)
}

func some(method string, build func(name string, e endpoint) testCase) []testCase {
	chosen := map[string]endpoint{}
	for name, e := range endpoints {
		if e.method == method {
			chosen[name] = e
		}
	}
	return each(chosen, build)
}
