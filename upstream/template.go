package upstream

import "strings"

// templates are the routes of what is asked for, without what callers have written.
var templates = map[string]string{ //nolint:gosec // words, no secrets
	"list jobs":                           "/api/v4/projects/{project}/jobs",
	"list jobs of pipeline":               "/api/v4/projects/{project}/pipelines/{pipeline_id}/jobs",
	"list trigger jobs of pipeline":       "/api/v4/projects/{project}/pipelines/{pipeline_id}/trigger_jobs",
	"get job":                             "/api/v4/projects/{project}/jobs/{job_id}",
	"read back job":                       "/api/v4/projects/{project}/jobs/{job_id}",
	"cancel job":                          "/api/v4/projects/{project}/jobs/{job_id}/cancel",
	"retry job":                           "/api/v4/projects/{project}/jobs/{job_id}/retry",
	"erase job":                           "/api/v4/projects/{project}/jobs/{job_id}/erase",
	"play job":                            "/api/v4/projects/{project}/jobs/{job_id}/play",
	"read log of job":                     "/api/v4/projects/{project}/jobs/{job_id}/trace",
	"get the job of the token":            "/api/v4/job",
	"get the allowed agents of the token": "/api/v4/job/allowed_agents",
}

const bridgesTemplate = "/api/v4/projects/{project}/pipelines/{pipeline_id}/bridges"

// template is the route of a request, "" if it is not known.
func (r *request) template() string {
	if r.relayed {
		return r.route
	}
	t := templates[r.op.what]
	if strings.HasSuffix(t, bridgesRoutes[1]) && strings.HasSuffix(r.path, bridgesRoutes[0]) {
		return bridgesTemplate
	}
	return t
}
