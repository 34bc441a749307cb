package upstream

import (
	"sync/atomic"
	"time"
)

// sliceMemory remembers whether this GitLab honours `byte_offset` and `byte_limit`,
// which older ones ignore; contract section 10.
type sliceMemory struct {
	// 0 is not known, 1 is yes, else no up to that Unix time in nanoseconds: a
	// GitLab may be brought up to date while we run.
	state atomic.Int64
}

const (
	slicesUnknown  = 0
	slicesHonoured = 1
	forgetIgnored  = 10 * time.Minute
)

func (m *sliceMemory) load() (honoured, known bool) {
	switch state := m.state.Load(); state {
	case slicesUnknown:
		return false, false
	case slicesHonoured:
		return true, true
	default:
		return false, time.Now().UnixNano() < state
	}
}

func (m *sliceMemory) honoured() { m.state.Store(slicesHonoured) }

func (m *sliceMemory) ignored() { m.state.Store(time.Now().Add(forgetIgnored).UnixNano()) }

func (m *sliceMemory) forget() { m.state.Store(slicesUnknown) }
