package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// project finds the project of :id for the caller: 404 when it is missing or hidden, the
// job-token texts, and the redirect of a moved project (contract sections 1 to 3).
func (c *call) project() (*project, *reply) {
	id, _ := c.params["id"].(string)
	p := c.lookUp(id)
	if p == nil {
		return nil, notFound("Project")
	}
	if fail := c.jobTokenPolicy(p); fail != nil {
		return nil, fail
	}
	if !c.sees(p) {
		if c.who.job != nil {
			return nil, c.notAllowedFrom(p)
		}
		return nil, notFound("Project")
	}
	if strings.Contains(id, "/") && p.oldPath != "" && strings.EqualFold(id, p.oldPath) {
		return nil, c.moved(p)
	}
	return p, nil
}

func (c *call) lookUp(id string) *project {
	if strings.Trim(id, "0123456789") == "" {
		n, _ := toInt(id)
		return c.w.projects[n]
	}
	if !strings.Contains(id, "/") {
		return nil
	}
	return c.w.projectByPath(id)
}

func (c *call) sees(p *project) bool {
	switch p.visibility {
	case public:
		return true
	case internal:
		return c.who.user != nil
	default:
		return p.role(c.who.user) >= roleGuest
	}
}

// jobTokenPolicy applies the target's allowlist to a token from another project.
func (c *call) jobTokenPolicy(p *project) *reply {
	rt := c.match.route
	if c.who.job == nil || c.who.job.pipeline.project == p {
		return nil
	}
	if rt.openPolicy && p.visibility != private {
		return nil
	}
	policies, ok := p.allow[c.who.job.pipeline.project.id]
	if !ok {
		return c.notAllowedFrom(p)
	}
	if policies != nil && !slices.Contains(policies, rt.policy) {
		return forbidden(fmt.Sprintf("Insufficient permissions to access this resource in project #%d. "+
			"The following token permission is required: %s.", p.id, rt.policy))
	}
	return nil
}

func (c *call) notAllowedFrom(p *project) *reply {
	return forbidden(fmt.Sprintf("Authentication by CI/CD job token not allowed from %s to project #%d.",
		c.who.job.pipeline.project.name(), p.id))
}

// moved sends readers of an old path to the numeric id, and refuses everybody else.
func (c *call) moved(p *project) *reply {
	if !c.reading() {
		return apiError(http.StatusMethodNotAllowed, "Non GET methods are not allowed for moved projects")
	}
	segments := strings.Split(squeezed(c.requestPath()), "/")
	for i, segment := range segments {
		if segment == "projects" && i+1 < len(segments) {
			segments[i+1] = strconv.FormatInt(p.id, 10)
			break
		}
	}
	target := c.origin() + strings.Join(segments, "/")
	if c.r.URL.RawQuery != "" {
		target += "?" + c.r.URL.RawQuery
	}
	out := textReply(http.StatusMovedPermanently,
		[]byte("This resource has been moved permanently to "+target))
	out.set("Location", target)
	return out
}

// requestPath is the escaped path as asked, relative root included.
func (c *call) requestPath() string { return c.r.URL.EscapedPath() }

// origin is the configured scheme and host, without a relative root.
func (c *call) origin() string { return strings.TrimSuffix(c.base, c.s.prefix) }

func (c *call) readsPipelines(p *project) bool {
	return p.publicPipelines && c.sees(p) || p.role(c.who.user) >= roleReporter
}

func (c *call) readsBuilds(p *project) bool {
	return c.readsPipelines(p) && (!p.buildsHidden || p.role(c.who.user) >= roleReporter)
}

// mayPush says whether the caller may push to a ref; a protected one may need more than Developer.
func (c *call) mayPush(p *project, ref string) bool {
	need := max(p.pushRole[ref], roleDeveloper)
	return p.role(c.who.user) >= need
}

// mayErase holds for Maintainers, and for the Developer who started the job on an unprotected ref.
func (c *call) mayErase(p *project, j *job) bool {
	role := p.role(c.who.user)
	if role >= roleMaintainer {
		return true
	}
	_, protected := p.pushRole[j.pipeline.ref]
	return role >= roleDeveloper && j.user == c.who.user && !protected
}

// pipeline finds :pipeline_id in the project.
func (c *call) pipeline(p *project) (*pipeline, *reply) {
	id, _ := c.int("pipeline_id")
	found := c.w.pipelines[id]
	if found == nil || found.project != p {
		return nil, notFound("")
	}
	return found, nil
}

// find returns :job_id of the project; bridges only where the route takes them.
func (c *call) find(p *project, bridges bool) (*job, *reply) {
	id, _ := c.int("job_id")
	j := c.w.jobs[id]
	if j == nil || j.pipeline.project != p || j.bridge && !bridges {
		return nil, notFound("")
	}
	return j, nil
}
