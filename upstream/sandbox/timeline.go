package sandbox

import (
	"slices"
	"time"
)

// step is a change of a job's status at a moment. A job's steps are its whole life, past and
// planned; what it is now is read off them at each request, so nothing has to tick.
type step struct {
	at     time.Time
	status string
}

type artifact struct {
	kind, filename string
	format         *string
	size           int64
}

type input struct {
	options []string // allowed values; none: any
	boolean bool
}

type job struct {
	id            int64
	bridge        bool
	pipeline      *pipeline
	stage, name   string
	coverage      *float64
	allowFailure  bool
	createdAt     time.Time
	steps         []step
	failureReason string
	user          *user
	commit        *commit
	artifacts     []artifact // without the trace; there once the job has finished
	expireAt      *time.Time
	erasedAt      *time.Time
	archived      bool
	retried       bool
	debug         bool
	locked        bool
	when          string // "", "manual" or "delayed"
	tags          []string
	runner        *runner // who will run it, or ran it
	inputs        map[string]input
	environment   *environment
	token         string
	downstream    *pipeline
	log           jobLog
}

type environment struct{ name, tier, slug string }

func (j *job) status(now time.Time) string {
	status := "created"
	for _, s := range j.steps {
		if s.at.After(now) {
			break
		}
		status = s.status
	}
	return status
}

// since returns when the job first had one of the given statuses.
func (j *job) since(now time.Time, statuses ...string) (time.Time, bool) {
	for _, s := range j.steps {
		if s.at.After(now) {
			break
		}
		if slices.Contains(statuses, s.status) {
			return s.at, true
		}
	}
	return time.Time{}, false
}

func (j *job) queuedAt(now time.Time) (time.Time, bool)  { return j.since(now, "pending") }
func (j *job) startedAt(now time.Time) (time.Time, bool) { return j.since(now, "running") }

func (j *job) finishedAt(now time.Time) (time.Time, bool) {
	if !final(j.status(now)) {
		return time.Time{}, false
	}
	return j.since(now, "success", "failed", "canceled", "skipped")
}

// updatedAt is when the job last changed.
func (j *job) updatedAt(now time.Time) time.Time {
	at := j.createdAt
	for _, s := range j.steps {
		if !s.at.After(now) && s.at.After(at) {
			at = s.at
		}
	}
	return at
}

// turn ends the planned life of the job at now and goes on with the given steps.
func (j *job) turn(now time.Time, steps ...step) {
	var kept []step
	for _, s := range j.steps {
		if !s.at.After(now) {
			kept = append(kept, s)
		}
	}
	j.steps = slices.Concat(kept, steps)
}

func final(status string) bool {
	switch status {
	case "success", "failed", "canceled", "skipped":
		return true
	}
	return false
}

// cancelable lists the statuses a cancel acts on (contract section 7.8).
func cancelable(status string) bool { return !final(status) && status != "canceling" }

// retryable holds for builds and bridges (contract section 7.9).
func (j *job) retryable(now time.Time) bool {
	if j.retried || j.archived {
		return false
	}
	switch j.status(now) {
	case "success", "failed", "canceled", "canceling":
		return true
	}
	return false
}

// playable holds for manual and delayed jobs (contract section 7.11).
func (j *job) playable(now time.Time) bool {
	status := j.status(now)
	if j.bridge {
		return j.when == "manual" && status == "manual"
	}
	if j.when == "" || j.archived {
		return false
	}
	return status == "manual" || status == "scheduled" || j.retryable(now)
}

// erasable holds for finished builds that still have a log or artifacts (contract section 7.10).
func (j *job) erasable(now time.Time) bool {
	if !final(j.status(now)) || j.erasedAt != nil {
		return false
	}
	return len(j.artifacts) > 0 || len(j.logAt(now)) > 0
}

// freshRun is the life of a job that was just retried or played.
func freshRun(now time.Time, bridge bool) []step {
	if bridge {
		return []step{
			{now, "pending"}, {now.Add(2 * time.Second), "running"}, {now.Add(20 * time.Second), "success"},
		}
	}
	return []step{
		{now, "pending"}, {now.Add(3 * time.Second), "running"}, {now.Add(43 * time.Second), "success"},
	}
}
