package sandbox

import (
	"net/http"
	"path"
	"slices"
)

// allowedAgents is GET /job/allowed_agents (contract sections 7.5, 8.10).
func (c *call) allowedAgents() *reply {
	j := c.who.job
	if j == nil {
		return notFound("Job")
	}
	p := j.pipeline.project
	agents := []*agent{}
	for _, a := range p.agents {
		if a.serves(j) {
			agents = append(agents, a)
		}
	}
	out := jsonReply(http.StatusOK, c.view.allowedAgents(j, agents))
	out.set("Gitlab-Feature-Flag", "sandbox_agent_filter=true, sandbox_agent_preview=false")
	return out
}

// serves filters by the job's environment and by protected refs.
func (a *agent) serves(j *job) bool {
	if _, protected := j.pipeline.project.pushRole[j.pipeline.ref]; a.protectedOnly && !protected {
		return false
	}
	if len(a.environments) == 0 {
		return true
	}
	return j.environment != nil && slices.ContainsFunc(a.environments, func(pattern string) bool {
		ok, err := path.Match(pattern, j.environment.name)
		return ok && err == nil
	})
}

// rolesUpTo lists the role names a user with the given role has.
func rolesUpTo(role int) []string {
	names := []string{}
	for _, r := range []struct {
		least int
		name  string
	}{
		{roleGuest, "guest"},
		{15, "planner"},
		{roleReporter, "reporter"},
		{25, "security_manager"},
		{roleDeveloper, "developer"},
		{roleMaintainer, "maintainer"},
		{roleOwner, "owner"},
	} {
		if role >= r.least {
			names = append(names, r.name)
		}
	}
	return names
}
