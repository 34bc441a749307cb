package gitlabjson

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Drift is one thing that GitLab said and the contract has no place for.
type Drift struct {
	// Entity is the message, for instance Job.
	Entity string
	// Member is the member's name; of an unknown word, the name, = and the word.
	Member string
	// Count is how often it was seen since the process began.
	Count int64
}

// maxDrift bounds the names that are counted per entity, so that an answer full
// of invented members costs no memory; the rest is counted as "(others)".
const maxDrift = 64

// drift counts the unknown members and words of one entity.
type drift struct {
	mu     sync.RWMutex
	counts map[string]*atomic.Int64
}

func (d *drift) count(name []byte) {
	d.mu.RLock()
	n := d.counts[string(name)]
	d.mu.RUnlock()
	if n == nil {
		n = d.add(string(name))
	}
	n.Add(1)
}

func (d *drift) add(name string) *atomic.Int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.counts) >= maxDrift || len(name) > 100 {
		name = "(others)"
	}
	if d.counts == nil {
		d.counts = map[string]*atomic.Int64{}
	}
	n := d.counts[name]
	if n == nil {
		n = new(atomic.Int64)
		d.counts[name] = n
	}
	return n
}

// Drifts returns what the process has seen so far that the contract has no field
// or enum value for, sorted. It tells operators that a newer version is due.
func Drifts() []Drift {
	var all []Drift
	for name, t := range tables {
		t.drift.mu.RLock()
		for member, n := range maps.All(t.drift.counts) {
			all = append(all, Drift{Entity: string(name.Name()), Member: member, Count: n.Load()})
		}
		t.drift.mu.RUnlock()
	}
	slices.SortFunc(all, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Member, b.Member))
	})
	return all
}
