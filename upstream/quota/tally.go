package quota

import "time"

const (
	span  = time.Minute // the window of GitLab's limits, unless it tells another one
	slot  = time.Second
	slots = 64 // more than there are in a span, and one that has begun
	stays = int64(span/slot) + 1
)

// tally counts the answers of the last span, by the second in which they came. A call was
// counted by GitLab before its answer came, so what has left the tally is older than a span
// for GitLab, too.
type tally struct {
	ok, no         [slots]uint32
	last           int64 // the slot that time has reached
	okSum, noneSum int64
}

// pass lets time pass.
func (y *tally) pass(now time.Duration) {
	s := int64(now / slot)
	if s-y.last >= slots {
		*y = tally{last: s}
		return
	}
	for ; y.last < s; y.last++ {
		i := (y.last + 1 - stays) & (slots - 1)
		y.okSum -= int64(y.ok[i])
		y.noneSum -= int64(y.no[i])
		y.ok[i], y.no[i] = 0, 0
	}
}

func (y *tally) add(now time.Duration, ok bool) {
	y.pass(now)
	i := y.last & (slots - 1)
	if ok {
		y.ok[i]++
		y.okSum++
	} else {
		y.no[i]++
		y.noneSum++
	}
}

func (y *tally) sum() int64 { return y.okSum + y.noneSum }

// in is how many are counted in a slot.
func (y *tally) in(s int64) int64 {
	i := s & (slots - 1)
	return int64(y.ok[i]) + int64(y.no[i])
}

// frees is when n+1 of those that are counted have left; false if there are fewer.
func (y *tally) frees(n int64) (time.Duration, bool) {
	for s := y.last - stays + 1; s <= y.last; s++ {
		if n -= y.in(s); n < 0 {
			return leaves(s), true
		}
	}
	return 0, false
}

// leaves is when the calls of a slot have left.
func leaves(s int64) time.Duration { return time.Duration(s+stays) * slot }

// merge adds what another one counts.
func (y *tally) merge(other *tally, now time.Duration) {
	y.pass(now)
	other.pass(now)
	for i := range slots {
		y.ok[i] += other.ok[i]
		y.no[i] += other.no[i]
	}
	y.okSum += other.okSum
	y.noneSum += other.noneSum
}
