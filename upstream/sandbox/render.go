package sandbox

import (
	"fmt"
	"strconv"
	"time"
)

// view renders the world as of one moment, for one request.
type view struct {
	w   *world
	now time.Time
	url string
	old bool

	busy      map[*runner]bool // computed at need, once
	states    map[*pipeline]string
	pipelines map[*pipeline]pipelineEntity
}

func newView(w *world, now time.Time, url string, old bool) *view {
	return &view{
		w: w, now: now, url: url, old: old, states: map[*pipeline]string{},
		pipelines: map[*pipeline]pipelineEntity{},
	}
}

func (v *view) jobs(list []*job) []jobEntity {
	out := make([]jobEntity, len(list))
	for i, j := range list {
		out[i] = v.job(j)
	}
	return out
}

func (v *view) bridges(list []*job) []bridgeEntity {
	out := make([]bridgeEntity, len(list))
	for i, j := range list {
		out[i] = v.bridge(j)
	}
	return out
}

func (v *view) status(j *job) string {
	if v.old {
		return oldStatus(j.status(v.now))
	}
	return j.status(v.now)
}

func (v *view) basic(j *job) jobBasicEntity {
	started, hasStarted := j.startedAt(v.now)
	finished, hasFinished := j.finishedAt(v.now)
	e := jobBasicEntity{
		ID: j.id, Status: v.status(j), Stage: j.stage, Name: j.name, Ref: j.pipeline.ref,
		Tag: j.pipeline.tag, AllowFailure: j.allowFailure, CreatedAt: utc(j.createdAt),
		StartedAt: utcIf(started, hasStarted), FinishedAt: utcIf(finished, hasFinished),
		WebURL:  v.projectURL(j.pipeline.project) + "/-/jobs/" + strconv.FormatInt(j.id, 10),
		Project: projectScopesEntity{j.pipeline.project.tokenScope},
	}
	if hasStarted {
		e.Duration = seconds(started, finished, hasFinished, v.now)
	}
	if queued, ok := j.queuedAt(v.now); ok && !j.bridge {
		until, ended := started, hasStarted
		if !ended {
			until, ended = finished, hasFinished
		}
		e.QueuedDuration = seconds(queued, until, ended, v.now)
	}
	if hasFinished && j.coverage != nil {
		e.Coverage = new(rubyFloat(*j.coverage))
	}
	if j.erasedAt != nil {
		e.ErasedAt = new(utc(*j.erasedAt))
	}
	if e.Status == "failed" {
		e.FailureReason = first(j.failureReason, "unknown_failure")
	}
	v.relations(j, &e)
	return e
}

func (v *view) relations(j *job, e *jobBasicEntity) {
	switch {
	case j.user == nil:
	case v.old:
		e.User = v.oldUser(j.user)
	default:
		e.User = v.fullUser(j.user)
	}
	switch {
	case j.commit == nil:
	case v.old:
		e.Commit = v.oldCommit(j.commit)
	default:
		e.Commit = v.commit(j.commit, j.pipeline.project)
	}
	switch {
	case v.old && j.bridge:
		e.Pipeline = v.oldDownstream(j.pipeline)
	case v.old:
		e.Pipeline = v.oldPipeline(j.pipeline)
	default:
		e.Pipeline = v.pipelineBasic(j.pipeline)
	}
}

// seconds is a duration up to its end, or up to now, with microseconds.
func seconds(from, to time.Time, ended bool, now time.Time) *rubyFloat {
	if !ended {
		to = now
	}
	return new(rubyFloat(to.Sub(from).Microseconds()) / 1e6)
}

// job renders a build; a bridge, too, where GitLab does (contract section 7.9).
func (v *view) job(j *job) jobEntity {
	e := jobEntity{jobBasicEntity: v.basic(j), Artifacts: v.artifacts(j), TagList: []string{}}
	if j.tags != nil {
		e.TagList = j.tags
	}
	if j.bridge {
		e.TagList = []string{"bridge"}
	}
	if !v.old {
		e.Archived = new(j.archived)
	}
	if len(e.Artifacts) > 0 && e.Artifacts[0].FileType == "archive" &&
		(j.expireAt == nil || j.expireAt.After(v.now)) {
		e.ArtifactsFile = &artifactsFileEntity{e.Artifacts[0].Filename, e.Artifacts[0].Size}
	}
	if len(e.Artifacts) > 0 && j.expireAt != nil {
		e.ArtifactsExpireAt = new(utc(*j.expireAt))
	}
	v.runnerOf(j, &e)
	return e
}

func (v *view) runnerOf(j *job, e *jobEntity) {
	if j.bridge {
		return
	}
	e.RunnerManager.present = !v.old
	if _, started := j.startedAt(v.now); !started || j.runner == nil {
		return
	}
	full := v.runner(j.runner)
	if v.old {
		e.Runner = oldRunner(full)
		return
	}
	e.Runner = full
	e.RunnerManager.value = v.manager(j.runner)
}

func (v *view) bridge(j *job) bridgeEntity {
	e := bridgeEntity{jobBasicEntity: v.basic(j)}
	if _, started := j.startedAt(v.now); started && j.downstream != nil {
		if v.old {
			e.DownstreamPipeline = v.oldDownstream(j.downstream)
		} else {
			e.DownstreamPipeline = v.pipelineBasic(j.downstream)
		}
	}
	return e
}

// artifacts lists what a finished job left: its own files, with the archived log among them.
func (v *view) artifacts(j *job) []artifactEntity {
	out := []artifactEntity{}
	if _, finished := j.finishedAt(v.now); !finished || j.bridge {
		return out
	}
	trace := artifactEntity{FileType: "trace", Size: int64(len(j.logAt(v.now))), Filename: "job.log"}
	for _, a := range j.artifacts {
		if a.kind != "archive" && a.kind != "metadata" && trace.Size > 0 {
			out = append(out, trace)
			trace.Size = 0
		}
		out = append(out, artifactEntity{a.kind, a.size, a.filename, a.format})
	}
	if trace.Size > 0 {
		out = append(out, trace)
	}
	return out
}

func (v *view) projectURL(p *project) string { return v.url + "/" + p.path }

func (v *view) commit(c *commit, p *project) *commitEntity {
	return &commitEntity{
		ID: c.sha, ShortID: c.sha[:8], CreatedAt: stamp(c.committed), ParentIDs: []string{c.parent},
		Title: c.title, Message: c.message, AuthorName: c.author, AuthorEmail: c.email,
		AuthoredDate: stamp(c.authored), CommitterName: c.author, CommitterEmail: c.email,
		CommittedDate: stamp(c.committed), Trailers: pairs(c.trailers),
		ExtendedTrailers: listPairs(c.trailers), WebURL: v.projectURL(p) + "/-/commit/" + c.sha,
	}
}

func (v *view) pipelineBasic(p *pipeline) pipelineEntity {
	if e, ok := v.pipelines[p]; ok {
		return e
	}
	updated := p.createdAt
	for _, j := range p.jobs {
		if at := j.updatedAt(v.now); at.After(updated) {
			updated = at
		}
	}
	e := pipelineEntity{
		ID: p.id, IID: p.iid, ProjectID: p.project.id, SHA: p.sha, Ref: p.ref,
		Status: v.pipelineStatus(p), Source: p.source, CreatedAt: utc(p.createdAt),
		UpdatedAt: utc(updated), WebURL: fmt.Sprintf("%s/-/pipelines/%d", v.projectURL(p.project), p.id),
	}
	v.pipelines[p] = e
	return e
}
