package once

// room is bounded.
type room struct{ most, used Bound }

func (r *room) fits(more Bound) bool {
	return r.used.Entries+more.Entries <= r.most.Entries && r.used.Bytes+more.Bytes <= r.most.Bytes
}

func (r *room) add(more Bound) {
	r.used.Entries += more.Entries
	r.used.Bytes += more.Bytes
}

func (b Bound) negated() Bound { return Bound{-b.Entries, -b.Bytes} }

// account is what one owner has.
type account struct {
	room
	done int // successes that are remembered; without one it is a stranger's
}

// rooms are those that entries of all owners, and of each, are in. The store's lock guards
// them.
type rooms struct {
	all, strangers room
	each           Bound
	accounts       map[Owner]*account
}

// lacks tells the first room that has none for more; 0 is none.
func (r *rooms) lacks(a *account, more Bound) Scope {
	switch {
	case !r.all.fits(more):
		return All
	case !a.fits(more):
		return Each
	case a.done == 0 && !r.strangers.fits(more):
		return Strangers
	}
	return 0
}

// add counts what an owner has more, or less.
func (r *rooms) add(a *account, more Bound) {
	r.all.add(more)
	a.add(more)
	if a.done == 0 {
		r.strangers.add(more)
	}
}

// prove counts the successes of an owner, the first of which makes it no stranger.
func (r *rooms) prove(a *account, by int) {
	was := a.done
	a.done += by
	switch {
	case was == 0 && a.done > 0:
		r.strangers.add(a.used.negated())
	case was > 0 && a.done == 0:
		r.strangers.add(a.used) // may be more than its bound: nothing is taken away from it
	}
}

// account finds an owner, or makes one to be entered by [rooms.enter].
func (r *rooms) account(who Owner) *account {
	if a := r.accounts[who]; a != nil {
		return a
	}
	return &account{room: room{most: r.each}}
}

// enter counts an entry in.
func (r *rooms) enter(who Owner, a *account, bytes int64) {
	r.accounts[who] = a
	r.add(a, Bound{1, bytes})
}

// leave counts it out.
func (r *rooms) leave(who Owner, a *account, bytes int64) {
	r.add(a, Bound{-1, -bytes})
	if a.used.Entries == 0 {
		delete(r.accounts, who)
	}
}
