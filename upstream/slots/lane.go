package slots

import "container/heap"

// manyLanes are kept although they are idle, for what they know.
const manyLanes = 1024

// lane is the calls with one key.
type lane struct {
	key         string
	held        int
	queued      int
	first, last *Slot // of those that wait
	mean        mean

	place int // in Limiter.ready, from 1; 0 if it is not there
	ahead int // queued, as Limiter.ahead counts it
}

// lane finds the lane of a key, or makes it. With the lock.
func (l *Limiter) lane(key string) *lane {
	if n := l.lanes[key]; n != nil {
		return n
	}
	if len(l.lanes) >= l.many {
		for other, n := range l.lanes {
			if n.held == 0 && n.queued == 0 {
				delete(l.lanes, other)
			}
		}
		l.many = max(manyLanes, 2*len(l.lanes))
	}
	n := &lane{key: key}
	l.lanes[key] = n
	return n
}

// join puts s at the end of its lane. With the lock.
func (l *Limiter) join(s *Slot) {
	n := s.lane
	l.order++
	s.order = l.order
	if s.before = n.last; s.before == nil {
		n.first = s
	} else {
		s.before.after = s
	}
	n.last = s
	n.queued++
	l.queued++
	l.place(n)
}

// quit takes s out of its lane. With the lock.
func (l *Limiter) quit(s *Slot) {
	n := s.lane
	if s.before == nil {
		n.first = s.after
	} else {
		s.before.after = s.after
	}
	if s.after == nil {
		n.last = s.before
	} else {
		s.after.before = s.before
	}
	s.before, s.after = nil, nil
	n.queued--
	l.queued--
	l.place(n)
}

// place puts a lane that has changed where it belongs: into ready, by the age of its
// first call, if that one waits for no more than a slot. With the lock.
func (l *Limiter) place(n *lane) {
	belongs := n.queued > 0 && (n.held < l.each || l.each == l.cfg.Slots)
	l.ahead -= n.ahead
	n.ahead = 0
	if belongs {
		n.ahead = n.queued
		l.ahead += n.ahead
	}
	switch {
	case belongs && n.place == 0:
		heap.Push(&l.ready, n)
	case belongs:
		heap.Fix(&l.ready, n.place-1)
	case n.place != 0:
		heap.Remove(&l.ready, n.place-1)
	}
}

// lanes is a heap: the one whose first call has waited longest is the first.
type lanes []*lane

// Len is for [heap.Interface], as are the other methods.
func (h *lanes) Len() int { return len(*h) }

// Less compares the ages of first calls.
func (h *lanes) Less(i, j int) bool { return (*h)[i].first.order < (*h)[j].first.order }

// Swap swaps two.
func (h *lanes) Swap(i, j int) {
	all := *h
	all[i], all[j] = all[j], all[i]
	all[i].place, all[j].place = i+1, j+1
}

// Push adds a *lane.
func (h *lanes) Push(x any) {
	n := x.(*lane) //nolint:errcheck,forcetypeassert // place pushes nothing else
	*h = append(*h, n)
	n.place = len(*h)
}

// Pop takes the last one away.
func (h *lanes) Pop() any {
	last := len(*h) - 1
	n := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	n.place = 0
	return n
}
