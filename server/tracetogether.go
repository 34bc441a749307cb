package server

import (
	"sync"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// readTogether says whether a log that is not followed is read as those are that are: with
// others, from what is held. It is for a log that changes no more, all of which is wanted,
// when somebody else is reading it or it is kept. Who comes first reads it for himself,
// which costs less. The caller calls leave when it ends.
func (s *traceService) readTogether(req *jobgatev1.ReadTraceRequest, job *jobgatev1.Job) (together bool, leave func()) {
	if !s.shares || req.GetLimit() > 0 || len(req.GetExtraParameters()) > 0 || !final(job.GetStatus()) {
		return false, func() {}
	}
	others, leave := s.readings.enter(req.GetJobId())
	return others || s.hub.Holds(req.GetJobId()), leave
}

// readings counts who reads which log.
type readings struct {
	mu   sync.Mutex
	jobs map[int64]int
}

func (r *readings) enter(job int64) (others bool, leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.jobs == nil {
		r.jobs = map[int64]int{}
	}
	r.jobs[job]++
	return r.jobs[job] > 1, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.jobs[job]--
		if r.jobs[job] == 0 {
			delete(r.jobs, job)
		}
	}
}
