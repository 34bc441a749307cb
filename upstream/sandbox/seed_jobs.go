package sandbox

import "time"

const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour

// life lists what became of a job: status after status, each at a time before (negative) or after
// the beginning of the world.
type life []struct {
	at     time.Duration
	status string
}

// plant adds a job with the given life and applies the changes.
func (b *planter) plant(pl *pipeline, id int64, stage, name string, l life, changes ...func(*job)) *job {
	j := &job{
		id: id, pipeline: pl, stage: stage, name: name, createdAt: pl.createdAt.Add(79 * time.Millisecond),
		user: b.w.users["ada"], commit: b.newCommit("Cache the module downloads", pl.createdAt),
		runner: b.w.runners[0], failureReason: "script_failure",
		log: jobLog{scripted: true, seed: b.rng.Uint64(), every: 2 * time.Second},
	}
	j.commit.sha = pl.sha
	for _, s := range l {
		at := b.w.base.Add(s.at)
		if s.at < 0 { // what is yet to come comes at the millisecond, for tests
			at = at.Add(time.Duration(b.rng.IntN(900)) * time.Microsecond)
		}
		j.steps = append(j.steps, step{at, s.status})
	}
	for _, change := range changes {
		change(j)
	}
	return b.w.add(j)
}

// ran is a life that is over: queued, started, finished.
func ran(status string, started, took time.Duration) life {
	return life{{-started - 1204*time.Millisecond, "pending"}, {-started, "running"}, {took - started, status}}
}

// stays is a life that has come to one status and rests there.
func stays(status string) life { return life{{-10 * minute, status}} }

// runsOn is a life that goes on for a day.
func runsOn(started time.Duration) life {
	return life{{-started - 2*time.Second, "pending"}, {-started, "running"}, {day, "success"}}
}

func (b *planter) as(username string) func(*job) {
	return func(j *job) { j.user = b.w.users[username] }
}

// exact takes the microseconds out of a life: its duration is then a whole number.
func exact(j *job) {
	for i := range j.steps {
		j.steps[i].at = j.steps[i].at.Truncate(time.Millisecond)
	}
}

func (b *planter) on(runner int) func(*job) {
	return func(j *job) { j.runner = b.w.runners[runner] }
}

// withFiles gives the artifacts that a successful test job leaves.
func (b *planter) withFiles(expire time.Duration) func(*job) {
	return func(j *job) {
		j.artifacts = []artifact{
			{"archive", "artifacts.zip", new("zip"), 48213},
			{"metadata", "metadata.gz", new("gzip"), 291},
			{"junit", "junit.xml.gz", new("gzip"), 1180},
		}
		j.expireAt = new(b.w.base.Add(expire))
	}
}

func (b *planter) mainPipeline() {
	pl := b.newPipeline(PipelineMain, b.w.projects[ProjectWidgetsID], "main", "push", b.ago(hour))
	silent := func(j *job) { j.log = jobLog{} }
	manual := func(j *job) { j.when = "manual" }

	b.plant(pl, JobSuccess, "test", "unit: [1.24, linux]", ran("success", 50*minute, 76466001*time.Microsecond),
		b.withFiles(30*day), func(j *job) {
			j.coverage = new(87.4)
			j.tags = []string{"linux", "saas-linux-small-amd64"}
		})
	b.plant(pl, JobFailed, "test", "lint", ran("failed", 50*minute, 15501*time.Millisecond), b.on(1),
		func(j *job) { j.allowFailure = true })
	b.plant(pl, JobRunning, "test", "integration", runsOn(2*minute), b.as("ben"))
	b.plant(pl, JobManual, "deploy", "deploy staging", stays("manual"), manual)
	b.plant(pl, JobPending, "test", "race", stays("pending"), func(j *job) { j.tags = []string{"arm64"} })
	b.plant(pl, JobCreated, "deploy", "notify", stays("created"))
	b.plant(pl, JobWaitingForResource, "deploy", "migrate", stays("waiting_for_resource"))
	b.plant(pl, JobPreparing, "deploy", "cluster", stays("preparing"))
	b.plant(pl, JobWaitingForCallback, "deploy", "approve", stays("waiting_for_callback"))
	b.plant(pl, JobCanceling, "test", "soak", life{
		{-9 * minute, "pending"},
		{-8 * minute, "running"},
		{-minute, "canceling"},
	})
	b.plant(pl, JobCanceled, "test", "bench", ran("canceled", 40*minute, 77004*time.Millisecond))
	b.plant(pl, JobSkipped, "deploy", "release notes", stays("skipped"))
	b.plant(pl, JobScheduled, "deploy", "roll out 10%", stays("scheduled"), func(j *job) { j.when = "delayed" })
	b.plant(pl, JobErased, "test", "fuzz", ran("success", 45*minute, 2*minute),
		func(j *job) { j.erasedAt = new(b.ago(5 * minute)) })
	b.plant(pl, JobArchived, "build", "compile (2019)", ran("success", 2400*day, time.Second),
		func(j *job) {
			j.archived, j.when = true, "manual"
			j.createdAt = b.ago(2400*day + 2*time.Second)
		})
	b.plant(pl, JobRetried, "build", "compile", ran("failed", 55*minute, 9*time.Second),
		func(j *job) { j.retried, j.failureReason = true, "runner_system_failure" })
	b.plant(pl, JobRetriedBy, "build", "compile", ran("success", 54*minute, 240*time.Second), b.as("ben"), exact)
	b.plant(pl, JobOrphan, "build", "orphan", ran("success", 53*minute, time.Second),
		func(j *job) { j.user, j.commit = nil, nil })
	b.plant(pl, JobDebug, "test", "debug", ran("success", 52*minute, 30*time.Second),
		func(j *job) { j.debug = true })
	b.plant(pl, JobExpired, "build", "package", ran("success", 51*minute, 20*time.Second), b.withFiles(-minute))
	b.plant(pl, JobInputs, "deploy", "deploy with inputs", stays("manual"), manual, func(j *job) {
		j.inputs = map[string]input{
			"environment": {options: []string{"staging", "production"}},
			"dry_run":     {boolean: true},
		}
	})
	b.plant(pl, JobLocked, "test", "locked", ran("failed", 49*minute, 4*time.Second), manual,
		func(j *job) { j.locked, j.failureReason = true, "" })
	b.plant(pl, JobSilent, "build", "silent", ran("success", 48*minute, 5*time.Second), silent)
	b.plant(pl, JobRunningAbrupt, "test", "long haul", runsOn(3*minute), b.on(1))
	b.plant(pl, JobDeploy, "deploy", "deploy production", runsOn(minute), b.on(2), func(j *job) {
		j.environment = &environment{"production", "production", "production"}
	})
	b.plant(pl, JobAdmin, "test", "maintenance", runsOn(4*minute), b.as("root"))
	b.plant(pl, JobManualDone, "deploy", "deploy review", ran("success", 30*minute, 12*time.Second), manual,
		b.as("project_1_bot_6f7e8d9c"))
}

func (b *planter) bridges() {
	pl := b.w.pipelines[PipelineMain]
	docs := b.w.projects[ProjectDocsID]
	bridge := func(downstream *pipeline) func(*job) {
		return func(j *job) {
			j.bridge, j.runner, j.downstream, j.log = true, nil, downstream, jobLog{}
		}
	}
	done := b.newPipeline(b.w.nextPipe, docs, "main", "pipeline", b.ago(20*minute))
	going := b.newPipeline(b.w.nextPipe+1, docs, "main", "pipeline", b.ago(2*minute))
	going.fixed = "running"
	b.w.nextPipe += 2

	b.plant(pl, JobBridge, "downstream", "trigger docs", life{
		{-20 * minute, "running"},
		{-20*minute + 495250*time.Millisecond, "success"},
	}, bridge(done))
	b.plant(pl, JobBridgeFailed, "downstream", "trigger site", life{
		{-20 * minute, "running"},
		{-20*minute + time.Second, "failed"},
	}, bridge(nil),
		func(j *job) { j.failureReason = "downstream_pipeline_creation_failed" })
	b.plant(pl, JobBridgeManual, "downstream", "trigger release", stays("manual"), bridge(nil),
		func(j *job) { j.when = "manual" })
	b.plant(pl, JobBridgeRunning, "downstream", "trigger soak", life{{-2 * minute, "running"}}, bridge(going))
	b.plant(pl, JobBridgeRetried, "downstream", "trigger docs", life{
		{-25 * minute, "running"},
		{-24 * minute, "failed"},
	}, bridge(nil), func(j *job) {
		j.retried, j.failureReason = true, "invalid_bridge_trigger"
	})
}

func (b *planter) liveJobs() {
	pl := b.w.pipelines[PipelineMain]
	s := time.Second
	quick := func(j *job) { j.log.every = 500 * time.Millisecond }
	b.plant(pl, JobLive, "live", "live: succeed", life{
		{5 * s, "pending"},
		{10 * s, "running"},
		{70 * s, "success"},
	}, b.as("ben"), b.withFiles(7*day), quick)
	b.plant(pl, JobLiveFailed, "live", "live: fail", life{
		{8 * s, "pending"},
		{15 * s, "running"},
		{100 * s, "failed"},
	}, quick)
	b.plant(pl, JobLiveSlow, "live", "live: slow", life{
		{-s, "pending"},
		{30 * s, "running"},
		{300 * s, "success"},
	}, b.on(2), quick)
}
