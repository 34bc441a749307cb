package main

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/hashicorp/go-retryablehttp"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

const (
	widgets  = "acme/widgets"
	docs     = "acme/docs"
	nested   = "group/sub/proj"
	moved    = "acme/old-gadgets"
	vault    = "acme/vault"
	stats    = "acme/stats"
	lab      = "acme/lab"
	handbook = "acme/handbook"
	intranet = "acme/intranet"

	mainPipeline = 100 // of widgets, with a job in every status
)

type (
	client  = *gitlab.Client
	option  = gitlab.RequestOptionFunc
	states  = []gitlab.BuildStateValue
	options = gitlab.ListJobsOptions
)

var statuses = states{
	"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running",
	"success", "failed", "canceling", "canceled", "skipped", "manual", "scheduled",
}

func perPage(n int64) gitlab.ListOptions { return gitlab.ListOptions{PerPage: n} }

func pageNo(page, n int64) *options {
	return &options{ListOptions: gitlab.ListOptions{Page: page, PerPage: n}}
}

func keyset(n int64) gitlab.ListOptions {
	return gitlab.ListOptions{Pagination: "keyset", PerPage: n}
}

func scoped(words ...gitlab.BuildStateValue) *options { return &options{Scope: &words} }

// The methods that follow make one call of the client each, with the name under which it is
// remembered and what must come of it.

func (r *recorder) projectJobs(name string, want any, c client, project any, o *options, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) {
		return result(c.Jobs.ListProjectJobs(project, o, more...))
	})
}

func (r *recorder) pipelineJobs(name string, want any, c client, project any, id int64, o *options, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) {
		return result(c.Jobs.ListPipelineJobs(project, id, o, more...))
	})
}

func (r *recorder) bridges(name string, want any, c client, project any, id int64, o *options, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) {
		return result(c.Jobs.ListPipelineBridges(project, id, o, more...))
	})
}

func (r *recorder) job(name string, want any, c client, project any, id int64, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) { return result(c.Jobs.GetJob(project, id, more...)) })
}

func (r *recorder) trace(name string, want any, c client, project any, id int64, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) {
		return result(c.Jobs.GetTraceFile(project, id, more...))
	})
}

func (r *recorder) tokenJob(name string, want any, c client, o *gitlab.GetJobTokensJobOptions, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) { return result(c.Jobs.GetJobTokensJob(o, more...)) })
}

func (r *recorder) cancel(name string, want any, c client, project any, id int64, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) { return result(c.Jobs.CancelJob(project, id, more...)) })
}

func (r *recorder) cancelForce(name string, want any, c client, id int64, force bool) {
	r.do(name, want, func() (any, *gitlab.Response, error) {
		return result(c.Jobs.CancelJobWithOptions(widgets, id, &gitlab.CancelJobOptions{Force: &force}))
	})
}

func (r *recorder) retry(name string, want any, c client, project any, id int64, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) { return result(c.Jobs.RetryJob(project, id, more...)) })
}

func (r *recorder) erase(name string, want any, c client, project any, id int64) {
	r.do(name, want, func() (any, *gitlab.Response, error) { return result(c.Jobs.EraseJob(project, id)) })
}

func (r *recorder) play(name string, want any, c client, project any, id int64, o *gitlab.PlayJobOptions) {
	r.do(name, want, func() (any, *gitlab.Response, error) { return result(c.Jobs.PlayJob(project, id, o)) })
}

func (r *recorder) raw(name string, want any, c client, method, path string, body any, more ...option) {
	r.do(name, want, func() (any, *gitlab.Response, error) { return raw(c, method, path, body, more...) })
}

func result[T any](value T, resp *gitlab.Response, err error) (any, *gitlab.Response, error) {
	return value, resp, err
}

// collected walks through all pages.
func (r *recorder) collected(name string, o *options, list func(o *options, p option) ([]*gitlab.Job, *gitlab.Response, error)) {
	r.do(name, "ok", func() (any, *gitlab.Response, error) {
		all, err := gitlab.ScanAndCollect(func(p option) ([]*gitlab.Job, *gitlab.Response, error) { return list(o, p) })
		return all, nil, err
	})
}

func (r *recorder) listing() {
	ada := r.by("maintainer")
	list := func(o *options, p option) ([]*gitlab.Job, *gitlab.Response, error) {
		return ada.Jobs.ListProjectJobs(widgets, o, p)
	}
	r.projectJobs("project jobs", "ok", ada, widgets, nil)
	for _, status := range statuses {
		r.projectJobs(fmt.Sprint("project jobs, scope ", status), "ok", ada, widgets, scoped(status))
	}
	r.projectJobs("project jobs, several scopes", "ok", ada, widgets, scoped("failed", "manual"))
	r.projectJobs("project jobs, all scopes", "ok", ada, widgets, &options{ListOptions: perPage(100), Scope: &statuses})
	r.projectJobs("project jobs, empty list of scopes", "ok", ada, widgets, scoped())
	r.projectJobs("project jobs, scope=a", "ok", ada, widgets, nil, query("scope", "failed"))
	r.projectJobs("project jobs, scope=a&scope=b", "ok", ada, widgets, nil, query("scope", "failed", "scope", "canceled"))
	r.projectJobs("project jobs, scope[0]=a", "ok", ada, widgets, nil, query("scope[0]", "pending"))
	r.projectJobs("project jobs, page 2", "ok", ada, widgets, pageNo(2, 3))
	r.projectJobs("project jobs, page past the end", "ok", ada, widgets, pageNo(999, 3))
	r.projectJobs("project jobs, negative page", "ok", ada, widgets, pageNo(-1, 3))
	r.projectJobs("project jobs, 100 a page at most", "ok", ada, widgets, pageNo(1, 1000))
	r.projectJobs("project jobs, include_retried is ignored", "ok", ada, widgets,
		&options{ListOptions: perPage(5), IncludeRetried: gitlab.Ptr(true)})
	r.projectJobs("project jobs, ref", "ok", ada, widgets, nil, query("ref", "topic"))
	r.projectJobs("project jobs, unknown ref", "ok", ada, widgets, nil, query("ref", "no such"))
	r.projectJobs("project jobs, by number", "ok", ada, 1, pageNo(1, 2))
	r.projectJobs("project jobs, other letter case", "ok", ada, "Acme/Widgets", pageNo(1, 2))
	r.projectJobs("project jobs, subgroup", "ok", ada, nested, nil)
	r.collected("project jobs, all pages", &options{ListOptions: perPage(40)}, list)
	r.collected("project jobs, all pages, scopes", &options{ListOptions: perPage(7), Scope: &states{"failed", "canceled"}}, list)
	r.do("project jobs, iterator", "ok", func() (any, *gitlab.Response, error) {
		jobs, failure := gitlab.Scan(func(p option) ([]*gitlab.Job, *gitlab.Response, error) { return list(pageNo(3, 60), p) })
		return slices.Collect(jobs), nil, failure()
	})
	r.projectJobs("project jobs, keyset", "ok", ada, widgets, &options{ListOptions: keyset(50)})
	r.projectJobs("project jobs, keyset, order", "ok", ada, widgets, &options{ListOptions: gitlab.ListOptions{
		Pagination: "keyset", PerPage: 5, OrderBy: "id", Sort: "desc",
	}})
	r.projectJobs("project jobs, keyset, another order", http.StatusMethodNotAllowed, ada, widgets,
		&options{ListOptions: gitlab.ListOptions{Pagination: "keyset", OrderBy: "id", Sort: "asc"}})
	r.projectJobs("project jobs, keyset, page_token is ignored", "ok", ada, widgets,
		&options{ListOptions: gitlab.ListOptions{Pagination: "keyset", PerPage: 5, PageToken: "x"}})
	r.collected("project jobs, keyset, all pages", &options{ListOptions: keyset(60)}, list)
	r.collected("project jobs, keyset, all pages, scopes",
		&options{ListOptions: keyset(7), Scope: &states{"failed", "canceled"}}, list)
	r.projectJobs("project jobs, unknown scope", http.StatusBadRequest, ada, widgets, scoped("broken"))
	r.projectJobs("project jobs, one unknown scope of two", http.StatusBadRequest, ada, widgets, scoped("failed", "broken"))
	r.projectJobs("project jobs, empty scope", http.StatusBadRequest, ada, widgets, scoped(""))
	r.projectJobs("project jobs, per_page 0", http.StatusBadRequest, ada, widgets, nil, query("per_page", "0"))
	r.projectJobs("project jobs, per_page no number", http.StatusBadRequest, ada, widgets, nil, query("per_page", "many"))
	r.projectJobs("project jobs, page no number", http.StatusBadRequest, ada, widgets, nil, query("page", "last"))
}

func (r *recorder) pipelines() {
	ada := r.by("maintainer")
	retried := func(yes bool) *options { return &options{IncludeRetried: &yes} }
	r.pipelineJobs("pipeline jobs", "ok", ada, widgets, mainPipeline, nil)
	r.pipelineJobs("pipeline jobs, include_retried", "ok", ada, widgets, mainPipeline, retried(true))
	r.pipelineJobs("pipeline jobs, without retried", "ok", ada, widgets, mainPipeline, retried(false))
	r.pipelineJobs("pipeline jobs, bad include_retried", http.StatusBadRequest, ada, widgets, mainPipeline, nil,
		query("include_retried", "maybe"))
	for _, status := range statuses {
		r.pipelineJobs(fmt.Sprint("pipeline jobs, scope ", status), "ok", ada, widgets, mainPipeline, scoped(status))
	}
	r.pipelineJobs("pipeline jobs, several scopes", "ok", ada, widgets, mainPipeline,
		&options{Scope: &states{"failed", "success"}, IncludeRetried: gitlab.Ptr(true)})
	r.pipelineJobs("pipeline jobs, scope[0]=a", http.StatusBadRequest, ada, widgets, mainPipeline, nil, query("scope[0]", "pending"))
	r.pipelineJobs("pipeline jobs, unknown scope", http.StatusBadRequest, ada, widgets, mainPipeline, scoped("broken"))
	r.pipelineJobs("pipeline jobs, page 2", "ok", ada, widgets, mainPipeline, pageNo(2, 7))
	r.pipelineJobs("pipeline jobs, page past the end", "ok", ada, widgets, mainPipeline, pageNo(99, 7))
	r.pipelineJobs("pipeline jobs, per_page 0", http.StatusBadRequest, ada, widgets, mainPipeline, nil, query("per_page", "0"))
	r.collected("pipeline jobs, all pages", &options{ListOptions: perPage(7), IncludeRetried: gitlab.Ptr(true)},
		func(o *options, p option) ([]*gitlab.Job, *gitlab.Response, error) {
			return ada.Jobs.ListPipelineJobs(widgets, mainPipeline, o, p)
		})
	r.pipelineJobs("pipeline jobs, keyset is ignored", "ok", ada, widgets, mainPipeline, &options{ListOptions: keyset(5)})
	r.pipelineJobs("pipeline jobs, large number", "ok", ada, widgets, 2368124402, nil)
	r.pipelineJobs("pipeline jobs, unknown pipeline", http.StatusNotFound, ada, widgets, 999, nil)
	r.pipelineJobs("pipeline jobs, pipeline of another project", http.StatusNotFound, ada, widgets, 200, nil)
	r.bridges("bridges", "ok", ada, widgets, mainPipeline, nil)
	r.bridges("bridges, scope", "ok", ada, widgets, mainPipeline, scoped("failed"))
	r.bridges("bridges, several scopes", "ok", ada, widgets, mainPipeline, scoped("failed", "success"))
	r.bridges("bridges, include_retried", "ok", ada, widgets, mainPipeline, retried(true))
	r.bridges("bridges, include_retried=false", "ok", ada, widgets, mainPipeline, retried(false))
	r.bridges("bridges, unknown scope", http.StatusBadRequest, ada, widgets, mainPipeline, scoped("broken"))
	r.bridges("bridges, page 2", "ok", ada, widgets, mainPipeline, pageNo(2, 2))
	r.bridges("bridges, unknown pipeline", http.StatusNotFound, ada, widgets, 999, nil)
	r.do("bridges, all pages", "ok", func() (any, *gitlab.Response, error) {
		all, err := gitlab.ScanAndCollect(func(p option) ([]*gitlab.Bridge, *gitlab.Response, error) {
			return ada.Jobs.ListPipelineBridges(widgets, mainPipeline, &options{ListOptions: perPage(2)}, p)
		})
		return all, nil, err
	})
	const triggerJobs = "projects/acme%2Fwidgets/pipelines/100/trigger_jobs"
	r.raw("trigger jobs", "ok", ada, http.MethodGet, triggerJobs, nil)
	r.raw("trigger jobs, scope and page", "ok", ada, http.MethodGet, triggerJobs, scoped("success"), query("per_page", "1"))
}

func (r *recorder) oneJob() {
	ada, ben := r.by("maintainer"), r.by("developer")
	for _, id := range []int64{
		101, 102, 103, 104, 110, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 125, 127, 13372368128,
	} {
		r.job(fmt.Sprint("job ", id), "ok", ada, widgets, id)
	}
	r.job("job, with trailers", "client", r.plain("maintainer"), widgets, 101) // see withoutTrailers
	r.raw("job, with trailers, raw", "ok", r.plain("maintainer"), http.MethodGet, "projects/1/jobs/101", nil)
	r.job("job, subgroup", "ok", ada, nested, 301)
	r.job("job, bridge", http.StatusNotFound, ada, widgets, 131)
	r.job("job, unknown", http.StatusNotFound, ada, widgets, 999999)
	r.job("job, of another project", http.StatusNotFound, ada, widgets, 201)
	r.raw("job, no number", http.StatusBadRequest, ada, http.MethodGet, "projects/1/jobs/newest", nil)
	r.job("job, unknown project", http.StatusNotFound, ada, "acme/nothing", 101)
	r.job("job, unknown project number", http.StatusNotFound, ada, 999, 101)
	r.job("job, project without a group", http.StatusNotFound, ada, "widgets", 101)
	r.job("job, hidden project", http.StatusNotFound, ben, vault, 501)
	r.trace("trace", "ok", ada, widgets, 101)
	r.trace("trace, running job", "ok", ada, widgets, 103)
	r.trace("trace, failed job", "ok", ada, widgets, 102)
	r.trace("trace, none", "ok", ada, widgets, 123)
	r.trace("trace, erased", "ok", ada, widgets, 114)
	r.trace("trace, slice", "ok", ada, widgets, 101, query("byte_offset", "50", "byte_limit", "100"))
	r.trace("trace, slice too long", http.StatusBadRequest, ada, widgets, 101, query("byte_limit", "512001"))
	r.trace("trace, slice before the log", http.StatusBadRequest, ada, widgets, 101, query("byte_offset", "-1"))
	r.trace("trace, bridge", http.StatusNotFound, ada, widgets, 131)
	r.trace("trace, unknown job", http.StatusNotFound, ada, widgets, 999999)
	r.trace("trace, debug, Reporter", http.StatusForbidden, r.by("reporter"), widgets, 119)
	r.trace("trace, debug, Developer", "ok", ben, widgets, 119)
}

func (r *recorder) who() {
	ada, root, nobody := r.by("maintainer"), r.by("admin"), r.anonymous()
	for _, name := range []string{"running", "deploy", "admin"} {
		r.tokenJob("job of the token "+name, "ok", r.ofJob(name), nil)
		r.raw("allowed agents of "+name, "ok", r.ofJob(name), http.MethodGet, "job/allowed_agents", nil)
	}
	r.tokenJob("job of the token, as parameter", "ok", nobody,
		&gitlab.GetJobTokensJobOptions{JobToken: gitlab.Ptr("glcbt-sandbox-running")})
	r.tokenJob("job of the token, of the call", "ok", nobody, nil, gitlab.WithToken(gitlab.JobToken, "glcbt-sandbox-deploy"))
	r.tokenJob("job of the token, as Bearer", "ok", r.bearer("glcbt-sandbox-running"), nil)
	r.tokenJob("job of the token, beside a personal token", http.StatusNotFound, ada, nil,
		gitlab.WithToken(gitlab.JobToken, "glcbt-sandbox-deploy"))
	r.tokenJob("job of the token, finished", http.StatusUnauthorized, r.ofJob("finished"), nil)
	r.tokenJob("job of the token, unknown", http.StatusUnauthorized, r.ofJob("unknown"), nil)
	r.tokenJob("job of the token, personal token", http.StatusNotFound, ada, nil)
	r.tokenJob("job of the token, anonymous", http.StatusUnauthorized, nobody, nil)
	r.raw("allowed agents, personal token", http.StatusNotFound, ada, http.MethodGet, "job/allowed_agents", nil)
	r.raw("allowed agents, anonymous", http.StatusUnauthorized, nobody, http.MethodGet, "job/allowed_agents", nil)
	r.projectJobs("job token, project jobs", "ok", r.ofJob("running"), widgets, pageNo(1, 2))
	r.pipelineJobs("job token, pipeline jobs", "ok", r.ofJob("running"), widgets, mainPipeline, pageNo(1, 2))
	r.bridges("job token, bridges", "ok", r.ofJob("running"), widgets, mainPipeline, pageNo(1, 2))
	r.job("job token, a job", http.StatusUnauthorized, r.ofJob("running"), widgets, 103)
	r.trace("job token, trace", http.StatusUnauthorized, r.ofJob("running"), widgets, 103)
	r.cancel("job token, cancel", http.StatusUnauthorized, r.ofJob("running"), widgets, 103)
	r.projectJobs("job token, not on the allowlist", http.StatusForbidden, r.ofJob("foreign"), widgets, nil)
	r.projectJobs("job token, without read_jobs", http.StatusForbidden, r.ofJob("limited"), widgets, nil)
	r.pipelineJobs("job token, public project", "ok", r.ofJob("foreign"), docs, 200, nil)
	r.job("OAuth token", "ok", r.bearer("sandbox-oauth-developer"), widgets, 101)
	r.job("OAuth token, expired", http.StatusUnauthorized, r.bearer("sandbox-oauth-expired"), widgets, 101)
	r.job("personal token as Bearer", "ok", r.bearer("glpat-sandbox-reporter"), widgets, 101)
	r.job("token of the call", "ok", nobody, widgets, 101, gitlab.WithToken(gitlab.PrivateToken, "glpat-sandbox-reporter"))
	r.pipelineJobs("anonymous, public pipeline jobs", "ok", nobody, docs, 200, nil)
	r.bridges("anonymous, public bridges", "ok", nobody, docs, 200, nil)
	r.pipelineJobs("anonymous, builds for members", "ok", nobody, handbook, 800, nil)
	r.pipelineJobs("anonymous, pipelines for members", http.StatusForbidden, nobody, lab, 700, nil)
	r.pipelineJobs("anonymous, private pipeline jobs", http.StatusNotFound, nobody, widgets, mainPipeline, nil)
	r.pipelineJobs("anonymous, bad scope", http.StatusBadRequest, nobody, widgets, mainPipeline, scoped("broken"))
	r.projectJobs("anonymous, project jobs", http.StatusUnauthorized, nobody, docs, nil)
	r.projectJobs("anonymous, project jobs, bad scope", http.StatusUnauthorized, nobody, docs, scoped("broken"))
	r.job("anonymous, job", http.StatusUnauthorized, nobody, docs, 201)
	r.trace("anonymous, trace", http.StatusUnauthorized, nobody, docs, 201)
	r.retry("anonymous, retry", http.StatusUnauthorized, nobody, docs, 201)
	r.projectJobs("internal project, outsider", "ok", r.by("outsider"), intranet, nil)
	r.pipelineJobs("internal project, anonymous", http.StatusNotFound, nobody, intranet, 1100, nil)
	r.projectJobs("Guest, pipelines for members", http.StatusForbidden, r.by("guest"), widgets, nil)
	r.projectJobs("Guest, public pipelines", "ok", r.by("guest"), nested, nil)
	r.projectJobs("outsider", http.StatusNotFound, r.by("outsider"), widgets, nil)
	for _, name := range []string{"unknown", "revoked", "expired", "impersonation", "dpop"} {
		r.job("token "+name, http.StatusUnauthorized, r.by(name), widgets, 101)
	}
	for _, name := range []string{"no-scope", "blocked"} {
		r.job("token "+name, http.StatusForbidden, r.by(name), widgets, 101)
	}
	r.job("token read-api", "ok", r.by("read-api"), widgets, 101)
	r.retry("token read-api, retry", http.StatusForbidden, r.by("read-api"), widgets, 102)
	r.job("token ai-workflows", "ok", r.by("ai-workflows"), widgets, 101)
	r.play("token ai-workflows, play", http.StatusForbidden, r.by("ai-workflows"), widgets, 104, nil)
	r.job("token granular", "ok", r.by("granular"), widgets, 101)
	r.pipelineJobs("token granular, pipeline jobs", http.StatusForbidden, r.by("granular"), widgets, mainPipeline, nil)
	r.cancel("token granular, cancel", http.StatusForbidden, r.by("granular"), widgets, 105)
	r.job("sudo, by name", "ok", root, widgets, 101, gitlab.WithSudo("ben"))
	r.job("sudo, by number", "ok", root, widgets, 101, gitlab.WithSudo(4821902))
	r.job("sudo, outsider", http.StatusNotFound, root, widgets, 101, gitlab.WithSudo("finn"))
	r.job("sudo, unknown", http.StatusNotFound, root, widgets, 101, gitlab.WithSudo("nobody"))
	r.job("sudo, no administrator", http.StatusForbidden, ada, widgets, 101, gitlab.WithSudo("ben"))
	r.job("sudo, token without the scope", http.StatusForbidden, r.by("admin-no-sudo"), widgets, 101, gitlab.WithSudo("ben"))
	r.job("sudo, anonymous", http.StatusUnauthorized, nobody, widgets, 101, gitlab.WithSudo("ben"))
	r.projectJobs("moved project, project jobs", "ok", ada, moved, nil)
	r.pipelineJobs("moved project, pipeline jobs", "ok", ada, moved, 400, scoped("success"))
	r.job("moved project, job", "ok", ada, moved, 401)
	r.trace("moved project, trace", "ok", ada, moved, 401)
	r.retry("moved project, retry", http.StatusMethodNotAllowed, ada, moved, 401)
	r.play("moved project, play", http.StatusMethodNotAllowed, ada, moved, 401, nil)
}

func (r *recorder) cancelling() {
	ada, ben := r.by("maintainer"), r.by("developer")
	r.cancel("cancel, Reporter", http.StatusForbidden, r.by("reporter"), widgets, 103)
	r.cancel("cancel, running, graceful", "ok", ben, widgets, 103)
	r.cancel("cancel, canceling", "ok", ben, widgets, 103)
	r.cancelForce("cancel, by force, Developer", http.StatusForbidden, ben, 103, true)
	r.cancelForce("cancel, by force", "ok", ada, 103, true)
	r.cancelForce("cancel, by force, running", "ok", ada, 124, true)
	r.cancelForce("cancel, running, abrupt", "ok", ada, 124, false)
	r.cancel("cancel, force in the query", "ok", ada, widgets, 110, query("force", "1"))
	r.cancel("cancel, pending", "ok", ada, widgets, 105)
	r.cancel("cancel, finished", "ok", ada, widgets, 101)
	r.cancel("cancel, sudo", "ok", r.by("admin"), widgets, 106, gitlab.WithSudo("ben"))
	r.cancel("cancel, bad force", http.StatusBadRequest, ada, widgets, 126, query("force", "maybe"))
	r.raw("cancel, body is no JSON", http.StatusBadRequest, ada, http.MethodPost, "projects/1/jobs/126/cancel", nil, body("{"))
	r.cancel("cancel, bridge", http.StatusNotFound, ada, widgets, 134)
	r.cancel("cancel, unknown job", http.StatusNotFound, ada, widgets, 999999)
	r.cancel("cancel, unknown project", http.StatusNotFound, ada, "acme/nothing", 101)
	r.cancel("cancel, locked", http.StatusConflict, ada, widgets, 122)
}

// body replaces what would be sent.
func body(text string) option {
	return func(req *retryablehttp.Request) error { return req.SetBody([]byte(text)) }
}

func variables(pairs ...string) *gitlab.PlayJobOptions {
	list := []*gitlab.JobVariableOptions{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, &gitlab.JobVariableOptions{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return &gitlab.PlayJobOptions{JobVariablesAttributes: &list}
}

func text(value string) gitlab.PipelineInputValueInterface {
	return gitlab.NewPipelineInputValue(value)
}

func inputs(name string, value gitlab.PipelineInputValueInterface) *gitlab.PlayJobOptions {
	return &gitlab.PlayJobOptions{JobInputs: gitlab.PipelineInputsOption{name: value}}
}

func (r *recorder) playing() {
	ada, ben := r.by("maintainer"), r.by("developer")
	keyless := variables("ONE", "1")
	*keyless.JobVariablesAttributes = append(*keyless.JobVariablesAttributes, &gitlab.JobVariableOptions{})
	r.play("play, Reporter", http.StatusForbidden, r.by("reporter"), widgets, 104, nil)
	r.play("play, variable without a key", http.StatusBadRequest, ada, widgets, 104, keyless)
	r.play("play, variables", "ok", ben, widgets, 104, variables("ONE", "1", "ZWEI", "ü & 2"))
	r.play("play, delayed", "ok", ada, widgets, 113, nil)
	r.play("play, finished: a new job", "ok", ada, widgets, 127, &gitlab.PlayJobOptions{})
	r.play("play, unknown input", http.StatusBadRequest, ada, widgets, 121, inputs("region", text("eu")))
	r.play("play, input not on the list", http.StatusBadRequest, ada, widgets, 121, inputs("environment", text("x")))
	r.play("play, input of another type", http.StatusBadRequest, ada, widgets, 121, inputs("dry_run", text("x")))
	r.play("play, inputs", "ok", ada, widgets, 121, &gitlab.PlayJobOptions{JobInputs: gitlab.PipelineInputsOption{
		"environment": text("staging"), "dry_run": gitlab.NewPipelineInputValue(true),
	}})
	r.play("play, bridge", "ok", ada, widgets, 133, nil)
	r.play("play, bridge that ran", http.StatusBadRequest, ada, widgets, 131, nil)
	r.play("play, not manual", http.StatusBadRequest, ada, widgets, 102, nil)
	r.play("play, archived", http.StatusBadRequest, ada, widgets, 115, nil)
	r.play("play, protected ref", http.StatusForbidden, ben, widgets, 161, nil)
	r.play("play, variables for Maintainers", http.StatusForbidden, ben, nested, 303, variables("ONE", "1"))
	r.play("play, without variables", "ok", ben, nested, 303, nil)
	r.play("play, unknown job", http.StatusNotFound, ada, widgets, 999999, nil)
}

func (r *recorder) retrying() {
	ada, ben := r.by("maintainer"), r.by("developer")
	r.retry("retry, Reporter", http.StatusForbidden, r.by("reporter"), widgets, 102)
	r.retry("retry", "ok", ben, widgets, 102)
	r.retry("retry, retried", http.StatusForbidden, ada, widgets, 102)
	r.retry("retry, running", http.StatusForbidden, ada, widgets, 125)
	r.retry("retry, archived", http.StatusForbidden, ada, widgets, 115)
	r.retry("retry, bridge", "ok", ada, widgets, 132)
	r.retry("retry, protected ref", http.StatusForbidden, ben, widgets, 161)
	r.retry("retry, protected ref, Maintainer", "ok", ada, widgets, 161)
	r.retry("retry, subgroup", "ok", ada, nested, 301)
	r.cancel("cancel the job with inputs", "ok", ada, widgets, 121)
	r.raw("retry, unknown input", http.StatusBadRequest, ada, http.MethodPost, "projects/1/jobs/121/retry",
		map[string]any{"inputs": map[string]any{"region": "eu"}})
	r.raw("retry, inputs", "ok", ada, http.MethodPost, "projects/1/jobs/121/retry",
		map[string]any{"inputs": map[string]any{"environment": "staging", "dry_run": false}})
	r.retry("retry, locked", http.StatusConflict, ada, widgets, 122)
	r.retry("retry, unknown job", http.StatusNotFound, ada, widgets, 999999)
	r.pipelineJobs("pipeline jobs after retries", "ok", ada, widgets, mainPipeline, &options{ListOptions: perPage(100)})
}

func (r *recorder) erasing() {
	ada, ben := r.by("maintainer"), r.by("developer")
	r.erase("erase, Developer, protected ref", http.StatusForbidden, ben, widgets, 101)
	r.erase("erase, Developer, own job", "ok", ben, widgets, 151)
	r.erase("erase", "ok", ada, widgets, 101)
	r.trace("trace, after erase", "ok", ada, widgets, 101)
	r.erase("erase, erased", http.StatusForbidden, ada, widgets, 101)
	r.erase("erase, nothing to erase", http.StatusForbidden, ada, widgets, 123)
	r.erase("erase, running", http.StatusForbidden, ada, widgets, 125)
	r.erase("erase, bridge", http.StatusNotFound, ada, widgets, 131)
	r.erase("erase, statistics refresh", http.StatusConflict, ada, stats, 901)
	r.erase("erase, locked", http.StatusConflict, ada, widgets, 122)
	r.erase("erase, unknown job", http.StatusNotFound, ada, widgets, 999999)
}

// beyond calls the methods of the same service that belong to the Job artifacts API, which is
// not served.
func (r *recorder) beyond() {
	ada := r.by("maintainer")
	jobs := ada.Jobs
	file := &gitlab.DownloadArtifactsFileOptions{Job: gitlab.Ptr("lint")}
	gone := func(name string, fn func() (any, *gitlab.Response, error)) { r.do(name, http.StatusNotFound, fn) }
	gone("get artifacts", func() (any, *gitlab.Response, error) { return result(jobs.GetJobArtifacts(widgets, 101)) })
	gone("download artifacts", func() (any, *gitlab.Response, error) {
		return result(jobs.DownloadArtifactsFile(widgets, "main", file))
	})
	gone("download an artifact", func() (any, *gitlab.Response, error) {
		return result(jobs.DownloadSingleArtifactsFile(widgets, 101, "a/report.txt"))
	})
	gone("download an artifact of a branch", func() (any, *gitlab.Response, error) {
		return result(jobs.DownloadSingleArtifactsFileByTagOrBranch(widgets, "main", "a/report.txt", file))
	})
	gone("keep artifacts", func() (any, *gitlab.Response, error) { return result(jobs.KeepArtifacts(widgets, 101)) })
	gone("delete artifacts", func() (any, *gitlab.Response, error) {
		resp, err := jobs.DeleteArtifacts(widgets, 101)
		return nil, resp, err
	})
	gone("delete all artifacts", func() (any, *gitlab.Response, error) {
		resp, err := jobs.DeleteProjectArtifacts(widgets)
		return nil, resp, err
	})
	r.raw("another route", http.StatusNotFound, ada, http.MethodGet, "projects/1/pipelines", nil)
	r.raw("a wrong method", http.StatusMethodNotAllowed, ada, http.MethodGet, "projects/1/jobs/101/retry", nil)
}

// troubles asks for projects that are only there to go wrong, see ../compare.py.
func (r *recorder) troubles() {
	r.projectJobs("429 of the list, not retried", http.StatusTooManyRequests, r.impatient("limited-42901"), 42901, nil)
	r.projectJobs("429 of the list, retried", http.StatusTooManyRequests,
		r.with(gitlab.AccessTokenAuthSource{Token: "glpat-sandbox-limited-42902"}, gitlab.WithCustomRetryMax(2)), 42902, nil)
	r.projectJobs("429 of the general throttle", http.StatusTooManyRequests, r.impatient("limited-42903"), 42903, nil)
	r.projectJobs("429 of a front end", http.StatusTooManyRequests, r.impatient("limited-42904"), 42904, nil)
	r.retry("429 on a write", http.StatusTooManyRequests, r.impatient("limited-42905"), 42905, 1)
	r.job("500", http.StatusInternalServerError, r.impatient("maintainer"), 50001, 1)
	r.job("503", http.StatusServiceUnavailable, r.impatient("maintainer"), 50301, 1)
}
