package sandbox

import (
	"net/http"
	"time"
)

// graceful is how long a runner takes to end a job it was told to cancel.
const graceful = 15 * time.Second

const resourceLock = "409 Conflict: Resource lock"

// cancel is POST …/cancel (contract section 7.8). The ability is checked before the look-up.
func (c *call) cancel() *reply {
	p, fail := c.project()
	if fail != nil {
		return fail
	}
	force := c.bool("force") && !c.s.old
	need := roleDeveloper
	if force {
		need = roleMaintainer
	}
	if p.role(c.who.user) < need {
		return forbidden("")
	}
	j, fail := c.find(p, false)
	if fail != nil {
		return fail
	}
	if j.locked {
		return conflict(resourceLock)
	}
	c.end(j, force)
	return jsonReply(http.StatusCreated, c.view.job(j))
}

// end changes the job's timeline. Force acts on canceling jobs only, everything else on those
// that can be canceled; other jobs stay as they are.
func (c *call) end(j *job, force bool) {
	status := j.status(c.now)
	switch {
	case force && status == "canceling":
		j.turn(c.now, step{c.now, "canceled"})
	case force || !cancelable(status):
	case status == "running" && j.runner != nil && j.runner.graceful && !c.s.old:
		j.turn(c.now, step{c.now, "canceling"}, step{c.now.Add(graceful), "canceled"})
	default:
		j.turn(c.now, step{c.now, "canceled"})
	}
}

// retry is POST …/retry (contract section 7.9). It answers with the new job, as Job even when it
// is a bridge.
func (c *call) retry() *reply {
	p, fail := c.project()
	if fail != nil {
		return fail
	}
	j, fail := c.find(p, !c.s.old)
	if fail != nil {
		return fail
	}
	if !c.mayPush(p, j.pipeline.ref) {
		return forbidden("")
	}
	if !j.retryable(c.now) {
		return forbidden("Job is not retryable")
	}
	if fail := c.checkInputs(j, "inputs"); fail != nil {
		return fail
	}
	if j.locked {
		return conflict(resourceLock)
	}
	return jsonReply(http.StatusCreated, c.view.job(c.again(j)))
}

// again makes a new job in the place of an old one, which is then hidden as retried.
func (c *call) again(old *job) *job {
	old.retried = true
	fresh := &job{
		bridge: old.bridge, pipeline: old.pipeline, stage: old.stage, name: old.name,
		allowFailure: old.allowFailure, createdAt: c.now, user: c.who.user, commit: old.commit,
		debug: old.debug, when: old.when, tags: old.tags, runner: old.runner, inputs: old.inputs,
		environment: old.environment, failureReason: "script_failure",
		log: jobLog{scripted: true, seed: old.log.seed + 1, every: time.Second, flush: c.s.flush},
	}
	c.start(fresh)
	return c.w.add(fresh)
}

// start gives a job a fresh timeline, and a bridge the pipeline it triggers.
func (c *call) start(j *job) {
	j.turn(c.now, freshRun(c.now, j.bridge)...)
	if j.runner == nil && !j.bridge {
		j.runner = c.w.runners[0]
	}
	if j.bridge && j.downstream == nil {
		j.downstream = c.w.trigger(j, c.now.Add(2*time.Second))
	}
}

// trigger makes a downstream pipeline in the documentation project.
func (w *world) trigger(j *job, at time.Time) *pipeline {
	pl := &pipeline{
		id: w.nextPipe, iid: w.nextPipe % 1000, project: w.projects[ProjectDocsID],
		sha: j.pipeline.sha, ref: "main", fixed: "pending", source: new("pipeline"), createdAt: at,
	}
	w.nextPipe++
	w.pipelines[pl.id] = pl
	return pl
}

// erase is POST …/erase (contract section 7.10).
func (c *call) erase() *reply {
	p, fail := c.project()
	if fail != nil {
		return fail
	}
	j, fail := c.find(p, false)
	if fail != nil {
		return fail
	}
	switch {
	case !c.mayErase(p, j):
		return forbidden("")
	case !j.erasable(c.now):
		return forbidden("Job is not erasable!")
	case p.statsRefresh:
		return conflict("Action temporarily disabled. " +
			"The project this pipeline belongs to is undergoing stats refresh.")
	case j.locked:
		return conflict(resourceLock)
	}
	j.erase(c.now)
	return jsonReply(http.StatusCreated, c.view.job(j))
}

func (j *job) erase(now time.Time) {
	j.erasedAt = new(now)
	j.artifacts, j.expireAt = nil, nil
}
