package meter

import (
	"iter"
	"maps"
	"sync"
	"sync/atomic"
)

// most is how many names a [Set] tells apart, so that no stranger can fill memory with them.
const most = 64

// other is the name of all further ones.
const other = "other"

// Set has a T for each name. It is for names that are few and known early: a new one costs a
// copy of the whole, one that is known no lock and no allocation. Its zero value is empty.
// It is safe for concurrent use.
type Set[T any] struct {
	byName atomic.Pointer[map[string]*T]
	mu     sync.Mutex
}

// Get is the T of a name.
func (s *Set[T]) Get(name string) *T {
	if all := s.byName.Load(); all != nil {
		if one := (*all)[name]; one != nil {
			return one
		}
	}
	return s.add(name)
}

func (s *Set[T]) add(name string) *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]*T{}
	if before := s.byName.Load(); before != nil {
		all = maps.Clone(*before)
	}
	if all[name] == nil && len(all) >= most {
		name = other
	}
	if one := all[name]; one != nil {
		return one
	}
	one := new(T)
	all[name] = one
	s.byName.Store(&all)
	return one
}

// All are the names so far, and the T of each.
func (s *Set[T]) All() iter.Seq2[string, *T] {
	all := s.byName.Load()
	if all == nil {
		return func(func(string, *T) bool) {}
	}
	return maps.All(*all)
}
