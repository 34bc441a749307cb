package upstream

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// refusals remembers for a short while what GitLab has refused, each for the one
// credential and request that it was refused to: a caller who asks again and again for
// what is not there, or not for him, costs GitLab little.
type refusals struct {
	keep time.Duration // 0 remembers nothing

	mu    sync.Mutex
	byKey map[frameKey]refused
}

type refused struct {
	until  time.Time
	err    *Error
	header http.Header
}

// Bounds of what is remembered.
const (
	mostRefusals   = 4096
	largestRefusal = 4 << 10 // bytes of an answer

	noSuchRoute = "404 Not Found" // of this GitLab, for anybody; contract section 3
)

// find is the refusal of a moment ago, if there was one.
func (r *refusals) find(key frameKey) (answer fetched, ok bool) {
	if r.keep <= 0 {
		return fetched{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	held, ok := r.byKey[key]
	switch {
	case !ok:
		return fetched{}, false
	case !time.Now().Before(held.until):
		delete(r.byKey, key)
		return fetched{}, false
	}
	answer.err = held.err
	answer.call.Reply = Reply{Status: held.err.Status, Header: held.header.Clone()}
	return answer, true
}

// note remembers err, if it is a refusal that holds for a while.
func (r *refusals) note(key frameKey, answer fetched) {
	e, ok := errors.AsType[*Error](answer.err)
	if r.keep <= 0 || !ok || e.Kind != Answered || !isGone(e.Status) || e.Truncated || len(e.Body) > largestRefusal ||
		e.Message == noSuchRoute {
		return
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byKey == nil {
		r.byKey = map[frameKey]refused{}
	}
	r.makeRoom(now)
	r.byKey[key] = refused{now.Add(r.keep), e, answer.call.Reply.Header.Clone()}
}

// forgetAll is after a write: what was refused before may not be now.
func (r *refusals) forgetAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.byKey)
}

// makeRoom lets go of what holds no more, and else of some. With the lock.
func (r *refusals) makeRoom(now time.Time) {
	if len(r.byKey) < mostRefusals {
		return
	}
	for key, held := range r.byKey {
		if !now.Before(held.until) {
			delete(r.byKey, key)
		}
	}
	for key := range r.byKey {
		if len(r.byKey) < mostRefusals*3/4 {
			return
		}
		delete(r.byKey, key)
	}
}
