package sandbox

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// Step is a change of a job's status, at a time counted from AddJob.
type Step struct {
	After  time.Duration
	Status string // one of contract section 9.1
}

// NewJob describes a job for AddJob. Only Steps is usually worth giving.
type NewJob struct {
	ID            int64  // 0: the next free one
	Pipeline      int64  // 0: PipelineMain
	Name, Stage   string // empty: "added" and "test"
	Bridge        bool
	Steps         []Step // in order of time; none: the job stays created
	FailureReason string // empty: script_failure
	User          string // username; empty: "ada"
	Tags          []string
	AllowFailure  bool
	Manual        bool   // playable
	Debug         bool   // the log needs Developer
	Token         string // a CI job token for it
	Log           []byte // nil: the job writes a log while it runs
}

// AddJob puts a job into the world and returns its id. It panics when the pipeline or the user
// does not exist or the id is taken: that is a mistake in the test.
func (s *Sandbox) AddJob(n NewJob) int64 {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	pl := s.world.pipelines[n.Pipeline]
	if n.Pipeline == 0 {
		pl = s.world.pipelines[PipelineMain]
	}
	owner := s.world.users[first(n.User, "ada")]
	if pl == nil || owner == nil || s.world.jobs[n.ID] != nil {
		panic(fmt.Sprintf("sandbox: AddJob: no such pipeline or user, or the id is taken: %+v", n))
	}
	j := &job{
		id: n.ID, bridge: n.Bridge, pipeline: pl, name: first(n.Name, "added"),
		stage: first(n.Stage, "test"), createdAt: now, user: owner, tags: n.Tags,
		allowFailure: n.AllowFailure, failureReason: first(n.FailureReason, "script_failure"),
		debug: n.Debug, token: n.Token,
		log: jobLog{
			scripted: n.Log == nil, seed: s.seed, every: time.Second, flush: s.flush, fixed: bytes.Clone(n.Log),
		},
	}
	if n.Manual {
		j.when = "manual"
	}
	if !n.Bridge {
		j.runner = s.world.runners[0]
	}
	for _, st := range n.Steps {
		j.steps = append(j.steps, step{now.Add(st.After), st.Status})
	}
	if n.Token != "" {
		s.world.jobTokens[n.Token] = j
	}
	return s.world.add(j).id
}

// withJob runs fn on a job, if there is one with the id.
func (s *Sandbox) withJob(id int64, fn func(j *job, now time.Time)) bool {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.world.jobs[id]
	if j == nil {
		return false
	}
	fn(j, now)
	return true
}

// SetTrace replaces a job's log; from then on the job writes nothing by itself. It reports whether
// the job exists.
func (s *Sandbox) SetTrace(id int64, log []byte) bool {
	return s.withJob(id, func(j *job, _ time.Time) {
		j.log = jobLog{fixed: bytes.Clone(log)}
	})
}

// GrowTrace appends to a job's log as it is now; from then on the job writes nothing by itself. It
// reports whether the job exists.
func (s *Sandbox) GrowTrace(id int64, more []byte) bool {
	return s.withJob(id, func(j *job, now time.Time) {
		log := j.logAt(now)
		j.log = jobLog{fixed: slices.Concat(log, more)}
	})
}

// TruncateTrace cuts a job's log, as it is now, after size bytes; from then on the job writes nothing
// by itself. It reports whether the job exists.
func (s *Sandbox) TruncateTrace(id int64, size int) bool {
	return s.withJob(id, func(j *job, now time.Time) {
		log := j.logAt(now)
		j.log = jobLog{fixed: slices.Clip(log[:min(max(size, 0), len(log))])}
	})
}

// Erase erases log and artifacts of a job now, in whatever state it is; GitLab does so once it
// has ended (contract section 7.10). It reports whether the job exists.
func (s *Sandbox) Erase(id int64) bool {
	return s.withJob(id, func(j *job, now time.Time) { j.erase(now) })
}

// SetStatus gives a job another status now, and drops what its timeline had planned. It reports
// whether the job exists.
func (s *Sandbox) SetStatus(id int64, status string) bool {
	return s.withJob(id, func(j *job, now time.Time) {
		j.turn(now, step{now, status})
	})
}

// Revoke kills a token: an access token is then answered as a revoked one, a job token as unknown
// (contract section 3). It reports whether the token existed.
func (s *Sandbox) Revoke(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.world.tokens[text]; t != nil {
		t.death = revoked
		return true
	}
	_, ok := s.world.jobTokens[text]
	delete(s.world.jobTokens, text)
	return ok
}
