package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// Names of the routes, for Match.Route.
const (
	RouteProjectJobs   = "project_jobs"
	RoutePipelineJobs  = "pipeline_jobs"
	RouteBridges       = "bridges"
	RouteTriggerJobs   = "trigger_jobs"
	RouteTokenJob      = "token_job"
	RouteAllowedAgents = "allowed_agents"
	RouteJob           = "job"
	RouteTrace         = "trace"
	RouteCancel        = "cancel"
	RouteRetry         = "retry"
	RouteErase         = "erase"
	RoutePlay          = "play"
)

// route is one endpoint of contract section 7.
type route struct {
	name       string
	method     string
	segments   []string
	upfront    bool   // authenticate! runs before parameter validation
	jobToken   bool   // takes a CI job token
	policy     string // the job-token policy it needs in a foreign project
	openPolicy bool   // not needed on public and internal projects
	granular   string // permission of fine-grained tokens
	checks     []check
	handle     func(*call) *reply
}

var paging = []check{integer("page"), perPage}

var routes = []*route{
	{
		name: RouteProjectJobs, method: http.MethodGet, segments: split("projects/:id/jobs"),
		upfront: true, jobToken: true, policy: "read_jobs", granular: "read_job",
		checks: append([]check{scope(true), text("ref")}, paging...), handle: (*call).projectJobs,
	},
	{
		name: RoutePipelineJobs, method: http.MethodGet, segments: split("projects/:id/pipelines/:pipeline_id/jobs"),
		jobToken: true, policy: "read_jobs", openPolicy: true, granular: "read_pipeline_job",
		checks: append([]check{integer("pipeline_id"), boolean("include_retried", new(false)), scope(false)}, paging...),
		handle: (*call).pipelineJobs,
	},
	{
		name: RouteBridges, method: http.MethodGet, segments: split("projects/:id/pipelines/:pipeline_id/bridges"),
		jobToken: true, policy: "read_pipelines", openPolicy: true, granular: "read_pipeline_bridge",
		checks: append([]check{integer("pipeline_id"), scope(false)}, paging...), handle: (*call).pipelineBridges,
	},
	{
		name: RouteTriggerJobs, method: http.MethodGet, segments: split("projects/:id/pipelines/:pipeline_id/trigger_jobs"),
		jobToken: true, policy: "read_pipelines", openPolicy: true, granular: "read_pipeline_bridge",
		checks: append([]check{integer("pipeline_id"), scope(false)}, paging...), handle: (*call).pipelineBridges,
	},
	{
		name: RouteTokenJob, method: http.MethodGet, segments: split("job"),
		upfront: true, jobToken: true, handle: (*call).tokenJob,
	},
	{
		name: RouteAllowedAgents, method: http.MethodGet, segments: split("job/allowed_agents"),
		upfront: true, jobToken: true, handle: (*call).allowedAgents,
	},
	{
		name: RouteJob, method: http.MethodGet, segments: split("projects/:id/jobs/:job_id"),
		upfront: true, granular: "read_job", checks: []check{integer("job_id")}, handle: (*call).job,
	},
	{
		name: RouteTrace, method: http.MethodGet, segments: split("projects/:id/jobs/:job_id/trace"),
		upfront: true, granular: "read_job",
		checks: []check{integer("job_id"), byteRange("byte_offset", 0, -1), byteRange("byte_limit", 1, 512000)},
		handle: (*call).trace,
	},
	{
		name: RouteCancel, method: http.MethodPost, segments: split("projects/:id/jobs/:job_id/cancel"),
		upfront: true, granular: "cancel_job",
		checks: []check{integer("job_id"), boolean("force", nil)}, handle: (*call).cancel,
	},
	{
		name: RouteRetry, method: http.MethodPost, segments: split("projects/:id/jobs/:job_id/retry"),
		upfront: true, granular: "retry_job",
		checks: []check{integer("job_id"), hash("inputs")}, handle: (*call).retry,
	},
	{
		name: RouteErase, method: http.MethodPost, segments: split("projects/:id/jobs/:job_id/erase"),
		upfront: true, granular: "erase_job", checks: []check{integer("job_id")}, handle: (*call).erase,
	},
	{
		name: RoutePlay, method: http.MethodPost, segments: split("projects/:id/jobs/:job_id/play"),
		upfront: true, granular: "play_job",
		checks: []check{integer("job_id"), variables, hash("job_inputs")}, handle: (*call).play,
	},
}

func split(path string) []string { return strings.Split(path, "/") }

// match is what a path and method lead to.
type match struct {
	gone  bool // API v3
	name  string
	route *route // nil: no such path, or not with this method
	allow []string
	path  map[string]any // decoded path parameters
}

func (m match) allowText() string { return strings.Join(m.allow, ", ") }

// squeezed makes one slash of several, as the API framework does before it looks for a route.
func squeezed(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// matchRoute looks at the escaped path, so that %2F stays inside its segment (contract section 1).
func matchRoute(escaped, method string) match {
	if escaped == "/api/v3" || strings.HasPrefix(escaped, "/api/v3/") {
		return match{gone: true}
	}
	rest, ok := strings.CutPrefix(escaped, "/api/v4/")
	if !ok {
		return match{}
	}
	rest = strings.TrimSuffix(strings.TrimSuffix(rest, "/"), ".json")
	segments := split(rest)
	for _, rt := range routes {
		values, ok := rt.matches(segments)
		if !ok {
			continue
		}
		m := match{name: rt.name, path: values, allow: []string{http.MethodOptions, rt.method}}
		if rt.method == http.MethodGet {
			m.allow = append(m.allow, http.MethodHead)
		}
		if method == rt.method || method == http.MethodHead && rt.method == http.MethodGet {
			m.route = rt
		}
		return m
	}
	return match{}
}

func (rt *route) matches(segments []string) (map[string]any, bool) {
	if len(segments) != len(rt.segments) {
		return nil, false
	}
	values := map[string]any{}
	for i, want := range rt.segments {
		if want[0] != ':' {
			if segments[i] != want {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		values[want[1:]] = value
	}
	return values, true
}
