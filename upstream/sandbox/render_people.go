package sandbox

import (
	"fmt"
	"time"
)

func (v *view) userBasic(u *user) userBasicEntity {
	e := userBasicEntity{
		ID: u.id, Username: u.username, PublicEmail: u.email, Name: u.name, State: u.state,
		WebURL: v.url + "/" + u.username,
	}
	if u.bot {
		e.Name = "****"
	}
	if u.avatar {
		e.AvatarURL = new(fmt.Sprintf("%s/uploads/-/system/user/avatar/%d/avatar.png", v.url, u.id))
	}
	return e
}

func (v *view) fullUser(u *user) *userEntity {
	empty := ""
	e := &userEntity{
		userBasicEntity: v.userBasic(u), Bio: &empty, Location: &empty, LinkedIn: &empty,
		Twitter: &empty, Discord: &empty, WebsiteURL: &empty, GitHub: &empty, JobTitle: &empty,
		Organization: &empty, Bot: u.bot,
	}
	if !u.bot {
		e.LocalTime = new(v.now.UTC().Format("3:04 PM"))
	}
	if u.bot {
		e.Bio, e.Location, e.Organization = nil, nil, nil
	}
	if !u.privateProfile && u.state == "active" {
		e.CreatedAt = new(utc(u.createdAt))
		e.Followers, e.Following = new(2), new(0)
	}
	return e
}

func (v *view) runner(r *runner) runnerEntity {
	e := runnerEntity{
		ID: r.id, Description: r.description, Active: !r.paused, Paused: r.paused,
		IsShared: r.kind == "instance_type", RunnerType: r.kind, Online: new(true),
		CreatedAt: utc(r.createdAt), Status: "online", JobExecutionStatus: v.execution(r),
	}
	if r.paused {
		e.Status = "paused"
	}
	if r.createdBy != nil {
		e.CreatedBy = new(v.userBasic(r.createdBy))
	}
	return e
}

func (v *view) manager(r *runner) *runnerManagerEntity {
	m := r.manager
	if m == nil {
		return nil
	}
	return &runnerManagerEntity{
		ID: m.id, SystemID: m.systemID, Version: "18.9.0", Revision: "4a5b6c7d", Platform: "linux",
		Architecture: "amd64", CreatedAt: utc(m.createdAt),
		ContactedAt: utc(v.now.Truncate(time.Minute)), IPAddress: m.ip, Status: "online",
		JobExecutionStatus: v.execution(r),
	}
}

// execution says whether a runner has work, which is looked up once per request.
func (v *view) execution(r *runner) string {
	if v.busy == nil {
		v.busy = map[*runner]bool{}
		for _, j := range v.w.jobs {
			if s := j.status(v.now); s == "running" || s == "canceling" {
				v.busy[j.runner] = true
			}
		}
	}
	if v.busy[r] {
		return "active"
	}
	return "idle"
}

// pipelineStatus sums up the latest jobs of a pipeline.
func (v *view) pipelineStatus(p *pipeline) string {
	status, ok := v.states[p]
	if !ok {
		status = v.sumUp(p)
		v.states[p] = status
	}
	return status
}

func (v *view) sumUp(p *pipeline) string {
	if len(p.jobs) == 0 {
		return p.fixed
	}
	has := map[string]bool{}
	for _, j := range p.jobs {
		status := v.status(j)
		if status == "failed" && j.allowFailure {
			status = "success"
		}
		has[status] = has[status] || !j.retried
	}
	for _, status := range []string{
		"running", "pending", "canceling", "waiting_for_callback",
		"preparing", "waiting_for_resource", "failed", "canceled", "manual", "scheduled", "created", "success",
	} {
		if has[status] {
			return status
		}
	}
	return "skipped"
}

func (v *view) allowedAgents(j *job, agents []*agent) allowedAgentsEntity {
	p := j.pipeline.project
	e := allowedAgentsEntity{
		AllowedAgents: []agentEntity{}, Job: idEntity{j.id}, Pipeline: idEntity{j.pipeline.id},
		Project: agentProject{p.id, []idEntity{}},
	}
	for _, id := range p.group.ids() {
		e.Project.Groups = append(e.Project.Groups, idEntity{id})
	}
	for _, a := range agents {
		one := agentEntity{ID: a.id, ConfigProject: identify(a.config)}
		if !v.old {
			one.Configuration = a.configuration
		}
		e.AllowedAgents = append(e.AllowedAgents, one)
	}
	if v.old {
		e.User = v.oldUserBasic(j.user)
		return e
	}
	e.User = agentUser{j.user.id, j.user.username, rolesUpTo(p.role(j.user))}
	if j.environment != nil {
		e.Environment = &environmentEntity{j.environment.tier, j.environment.slug}
	}
	return e
}

func identify(p *project) projectIdentity {
	return projectIdentity{
		ID: p.id, Description: p.description, Name: p.name(), NameWithNamespace: p.display,
		Path: p.name(), PathWithNamespace: p.path, CreatedAt: utc(p.createdAt),
	}
}
