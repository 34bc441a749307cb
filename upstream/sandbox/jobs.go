package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// projectJobs is GET /projects/:id/jobs (contract section 7.1).
func (c *call) projectJobs() *reply {
	if fail := c.limitIndex(); fail != nil {
		return fail
	}
	p, fail := c.project()
	if fail != nil {
		return fail
	}
	if !c.readsBuilds(p) {
		return forbidden("")
	}
	all := c.inScope(c.w.projectJobs(p), true)
	if ref := strings.TrimSpace(c.text("ref")); ref != "" && !c.s.old {
		all = slices.DeleteFunc(all, func(j *job) bool { return j.pipeline.ref != ref })
	}
	var page pageOf
	if c.text("pagination") == "keyset" {
		page, fail = c.keysetPage(all)
	} else {
		page, fail = c.offsetPage(all, false)
	}
	if fail != nil {
		return fail
	}
	return page.reply(c.view.jobs(page.jobs))
}

// inScope keeps the jobs whose status was asked for; no scope keeps all.
func (c *call) inScope(jobs []*job, hashToo bool) []*job {
	value, ok := c.params["scope"]
	if !ok || value == nil {
		return jobs
	}
	words := scopeWords(value, hashToo)
	if len(words) == 0 {
		return jobs
	}
	return slices.DeleteFunc(jobs, func(j *job) bool {
		return !slices.Contains(words, c.view.status(j))
	})
}

func (p pageOf) reply(entities any) *reply {
	out := jsonReply(http.StatusOK, entities)
	maps.Copy(out.header, p.header)
	return out
}

// pipelineJobs is GET …/pipelines/:pipeline_id/jobs (contract section 7.2).
func (c *call) pipelineJobs() *reply {
	p, fail := c.project()
	if fail != nil {
		return fail
	}
	if !c.readsPipelines(p) {
		return forbidden("")
	}
	pl, fail := c.pipeline(p)
	if fail != nil {
		return fail
	}
	var all []*job
	if c.readsBuilds(p) {
		all = pl.list(false, c.bool("include_retried"))
	}
	page, fail := c.offsetPage(c.inScope(all, false), true)
	if fail != nil {
		return fail
	}
	return page.reply(c.view.jobs(page.jobs))
}

// list returns a pipeline's builds or bridges, newest first.
func (p *pipeline) list(bridges, retried bool) []*job {
	var out []*job
	for _, j := range p.jobs {
		if j.bridge == bridges && (retried || !j.retried) {
			out = append(out, j)
		}
	}
	return newestFirst(out)
}

// pipelineBridges is GET …/bridges and …/trigger_jobs (contract sections 7.3, 7.12). Any
// include_retried at all, false too, shows the retried ones.
func (c *call) pipelineBridges() *reply {
	p, fail := c.project()
	if fail != nil {
		return fail
	}
	if !c.readsBuilds(p) {
		return forbidden("")
	}
	pl, fail := c.pipeline(p)
	if fail != nil {
		return fail
	}
	retried := c.params["include_retried"]
	all := pl.list(true, retried != nil && retried != "")
	page, fail := c.offsetPage(c.inScope(all, false), true)
	if fail != nil {
		return fail
	}
	return page.reply(c.view.bridges(page.jobs))
}

// tokenJob is GET /job (contract section 7.4).
func (c *call) tokenJob() *reply {
	if c.who.job == nil {
		return notFound("Job")
	}
	return jsonReply(http.StatusOK, c.view.job(c.who.job))
}

// job is GET /projects/:id/jobs/:job_id (contract section 7.6).
func (c *call) job() *reply {
	_, j, fail := c.readableJob()
	if fail != nil {
		return fail
	}
	return jsonReply(http.StatusOK, c.view.job(j))
}

func (c *call) readableJob() (*project, *job, *reply) {
	p, fail := c.project()
	if fail != nil {
		return nil, nil, fail
	}
	if !c.readsBuilds(p) {
		return nil, nil, forbidden("")
	}
	j, fail := c.find(p, false)
	return p, j, fail
}
