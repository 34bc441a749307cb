package upstream

import (
	"sync/atomic"
	"time"
)

// partMemory remembers whether one way to ask for a part of a log works here: GitLab's own
// `byte_offset` and `byte_limit`, which older ones ignore, or the header Range, which only
// a front end of GitLab's may honour; contract section 10.
type partMemory struct {
	// 0 is not known, 1 is yes, else no up to that Unix time in nanoseconds: a
	// GitLab may be brought up to date while we run.
	state atomic.Int64
}

const (
	partsUnknown  = 0
	partsHonoured = 1
	forgetIgnored = 10 * time.Minute
)

func (m *partMemory) load() (honoured, known bool) {
	switch state := m.state.Load(); state {
	case partsUnknown:
		return false, false
	case partsHonoured:
		return true, true
	default:
		return false, time.Now().UnixNano() < state
	}
}

func (m *partMemory) honoured() { m.state.Store(partsHonoured) }

func (m *partMemory) ignored() { m.state.Store(time.Now().Add(forgetIgnored).UnixNano()) }

func (m *partMemory) forget() { m.state.Store(partsUnknown) }
