package sandbox

import (
	"fmt"
	"time"
)

func (b *planter) otherPipelines() {
	p := b.w.projects
	topic := b.newPipeline(PipelineTopic, p[ProjectWidgetsID], "topic", "merge_request_event", b.ago(3*hour))
	b.plant(topic, JobTopic, "test", "unit", ran("success", 2*hour, 90*time.Second), b.as("ben"), b.withFiles(day))
	stable := b.newPipeline(PipelineStable, p[ProjectWidgetsID], "stable", "schedule", b.ago(4*hour))
	b.plant(stable, JobStable, "test", "unit", ran("failed", 3*hour, 44*time.Second),
		func(j *job) { j.failureReason = "job_execution_timeout" })

	for _, one := range []struct {
		pipeline, job int64
		project       int64
		life          life
	}{
		{PipelineDocs, JobDocs, ProjectDocsID, ran("success", hour, 31*time.Second)},
		{PipelineNested, JobNested, ProjectNestedID, ran("success", hour, 20*time.Second)},
		{PipelineGadgets, JobGadgets, ProjectGadgetsID, ran("success", hour, 10*time.Second)},
		{PipelineVault, JobVault, ProjectVaultID, ran("success", hour, 3*time.Second)},
		{PipelineLab, JobLab, ProjectLabID, ran("success", hour, 3*time.Second)},
		{PipelineHandbook, JobHandbook, ProjectHandbookID, ran("success", hour, 3*time.Second)},
		{PipelineStats, JobStats, ProjectStatsID, ran("success", hour, 3*time.Second)},
		{PipelineDotfiles, JobDotfiles, ProjectDotfilesID, runsOn(minute)},
		{PipelineIntranet, JobIntranet, ProjectIntranetID, ran("success", hour, 3*time.Second)},
	} {
		pl := b.newPipeline(one.pipeline, p[one.project], "main", "push", b.ago(2*hour))
		b.plant(pl, one.job, "test", "unit", one.life)
	}
	nested := b.w.pipelines[PipelineNested]
	b.plant(nested, JobNestedLive, "test", "long", runsOn(minute), b.as("ben"))
	b.plant(nested, JobNestedPlay, "deploy", "deploy", stays("manual"), func(j *job) { j.when = "manual" })
	b.plant(b.w.pipelines[PipelineGadgets], JobGadgetsLive, "test", "long", runsOn(minute), b.as("ben"))
}

// history fills acme/widgets with four pipelines of forty finished jobs each, for paging, with ids
// beyond 32 and 33 bits.
func (b *planter) history() {
	const pipelines, each = 4, 40
	stages := []string{"build", "test", "package", "deploy"}
	words := []string{"success", "success", "success", "failed", "canceled"}
	reasons := []string{
		"script_failure", "job_execution_timeout", "runner_system_failure",
		"stuck_or_timeout_failure", "no_matching_runner", "data_integrity_failure",
	}
	for i := range pipelines {
		started := time.Duration(pipelines-i) * day
		pl := b.newPipeline(PipelineBig+int64(i), b.w.projects[ProjectWidgetsID], "main", "push",
			b.ago(started+minute))
		if i == 1 {
			pl.ref, pl.tag = "v1.4.0", true
		}
		for k := range each {
			id := JobBig + int64(i*each+k)
			took := time.Duration(5000+b.rng.IntN(90000)) * time.Millisecond
			name := fmt.Sprintf("%s %d/%d", stages[k/10], k%10+1, 10)
			j := b.plant(pl, id, stages[k/10], name, ran(words[b.rng.IntN(len(words))],
				started-time.Duration(k)*time.Second, took), b.on(k%3))
			j.failureReason = reasons[b.rng.IntN(len(reasons))]
			if k%4 == 0 {
				j.expireAt = new(b.w.base.Add(20 * day))
				j.artifacts = []artifact{{"archive", "artifacts.zip", new("zip"), 3<<30 + int64(b.rng.IntN(1e6))}}
			}
		}
	}
}

func (b *planter) jobTokens() {
	for text, id := range map[string]int64{
		JobTokenRunning: JobRunning, JobTokenDeploy: JobDeploy, JobTokenLive: JobLive,
		JobTokenFinished: JobSuccess, JobTokenAdmin: JobAdmin, JobTokenForeign: JobNestedLive,
		JobTokenLimited: JobGadgetsLive, JobTokenPersonal: JobDotfiles,
	} {
		b.w.jobs[id].token = text
		b.w.jobTokens[text] = b.w.jobs[id]
	}
}
