package spool

// lru is a list of blocks, the most recently added first. The zero value is empty.
type lru struct{ first, last *link }

// link is a block's place in a list. It is in one list at most.
type link struct {
	block      *block
	list       *lru
	prev, next *link
}

// add puts the link in front, taking it out of the list where it is.
func (l *lru) add(e *link) {
	e.leave()
	e.list, e.next = l, l.first
	if l.first != nil {
		l.first.prev = e
	} else {
		l.last = e
	}
	l.first = e
}

// leave takes the link out of its list, if it is in one.
func (e *link) leave() {
	l := e.list
	if l == nil {
		return
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		l.last = e.prev
	}
	e.list, e.prev, e.next = nil, nil, nil
}

// oldest is the block that was added before all others, nil if there is none.
func (l *lru) oldest() *block {
	if l.last == nil {
		return nil
	}
	return l.last.block
}
