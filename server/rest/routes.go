package rest

import (
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// apiRoot is where GitLab has its API; contract section 1.
const apiRoot = "/api/v4"

// route is one of GitLab's endpoints; contract section 7.
type route struct {
	method   string
	template string
	segments []string // below apiRoot; those in braces are parameters
	fields   map[string]field
	bridges  string // the word for a list of trigger jobs in the path
	log      bool   // answered by a handler of our own
	rpc      string // the method that it is
}

func get(path string, request protoreflect.ProtoMessage) *route {
	return &route{
		method: http.MethodGet, template: apiRoot + "/" + path, segments: strings.Split(path, "/"),
		fields: fieldsOf(request), rpc: strings.TrimSuffix(string(request.ProtoReflect().Descriptor().Name()), "Request"),
	}
}

func post(path string, request protoreflect.ProtoMessage) *route {
	rt := get(path, request)
	rt.method = http.MethodPost
	return rt
}

// routes are those of proto/http.yaml.
var routes = func() []*route {
	bridges := get("projects/{project}/pipelines/{pipeline_id}/bridges", &jobgatev1.ListPipelineBridgesRequest{})
	bridges.bridges = "bridges"
	triggers := get("projects/{project}/pipelines/{pipeline_id}/trigger_jobs", &jobgatev1.ListPipelineBridgesRequest{})
	triggers.bridges = "trigger_jobs"
	log := get("projects/{project}/jobs/{job_id}/trace", &jobgatev1.ReadTraceRequest{})
	log.log = true
	return []*route{
		get("projects/{project}/jobs/{job_id}", &jobgatev1.GetJobRequest{}),
		get("projects/{project}/jobs", &jobgatev1.ListProjectJobsRequest{}),
		get("projects/{project}/pipelines/{pipeline_id}/jobs", &jobgatev1.ListPipelineJobsRequest{}),
		log, bridges, triggers,
		get("job", &jobgatev1.GetTokenJobRequest{}),
		get("job/allowed_agents", &jobgatev1.GetAllowedAgentsRequest{}),
		post("projects/{project}/jobs/{job_id}/cancel", &jobgatev1.CancelJobRequest{}),
		post("projects/{project}/jobs/{job_id}/retry", &jobgatev1.RetryJobRequest{}),
		post("projects/{project}/jobs/{job_id}/erase", &jobgatev1.EraseJobRequest{}),
		post("projects/{project}/jobs/{job_id}/play", &jobgatev1.PlayJobRequest{}),
	}
}()

// match is a route that a path leads to.
type match struct {
	*route
	project string // decoded
	id      string // of a job or pipeline, as it is in the path
	fits    bool   // the path is just what the RPC would ask for
	certain bool   // it asks for that, but for the way in which the project is escaped
}

// find looks for the route of an escaped path below apiRoot. As GitLab does, it passes
// over empty segments and takes a format behind the path.
func find(path string) (match, bool) {
	segments, exact := split(path)
	for _, rt := range routes {
		if m, ok := rt.match(segments); ok {
			m.fits, m.certain = m.fits && exact, m.certain && exact
			return m, true
		}
	}
	if len(segments) == 0 {
		return match{}, false
	}
	last := &segments[len(segments)-1]
	bare, ok := strings.CutSuffix(*last, ".json")
	if !ok {
		return match{}, false
	}
	*last = bare
	for _, rt := range routes {
		if m, ok := rt.match(segments); ok {
			m.fits, m.certain = false, false
			return m, true
		}
	}
	return match{}, false
}

// split cuts a path, and says whether it has no empty segments.
func split(path string) (segments []string, exact bool) {
	exact = strings.HasPrefix(path, "/")
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if segment == "" {
			exact = false
			continue
		}
		segments = append(segments, segment)
	}
	return segments, exact
}

func (rt *route) match(segments []string) (match, bool) {
	if len(segments) != len(rt.segments) {
		return match{}, false
	}
	m := match{route: rt, fits: true, certain: true}
	for i, want := range rt.segments {
		switch {
		case want == "{project}":
			project, err := url.PathUnescape(segments[i])
			m.project = project
			m.certain = err == nil && upstream.Project(project).Check() == nil
			m.fits = m.certain && url.PathEscape(project) == segments[i]
		case want[0] == '{':
			m.id = segments[i]
			m.fits, m.certain = m.fits && isID(m.id), m.certain && isID(m.id)
		case want != segments[i]:
			return match{}, false
		}
	}
	return m, true
}

// isID says whether text is the number of a job or pipeline as we would write it.
func isID(text string) bool { return isNumber(text) && text[0] != '-' && text != "0" }

// nobody names no project and is no number, so that GitLab answers to it as it does to
// all that cannot be found.
const nobody = "-"

// withoutDots puts nobody in the place of dot segments, also of encoded ones: what stands
// before GitLab could take one for a step up, and out of the Jobs API.
func withoutDots(path string) string {
	if !strings.Contains(path, ".") && !strings.Contains(strings.ToLower(path), "%2e") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		text, err := url.PathUnescape(segment)
		if err != nil {
			continue
		}
		parts := strings.Split(text, "/")
		dots := false
		for j, part := range parts {
			if part == "." || part == ".." {
				parts[j], dots = nobody, true
			}
		}
		if dots {
			segments[i] = url.PathEscape(strings.Join(parts, "/"))
		}
	}
	return strings.Join(segments, "/")
}
