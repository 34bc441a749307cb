package quota

import "time"

// forecast is when the call will be sent that has those before it, if none of them is a
// test, and none may be before a time, which may be to come: it lets them go one after
// another. It changes nothing: the tally must not pass to that time, since answers to calls
// in flight will count from now on, not from then.
func (e *estimate) forecast(now, from time.Duration, q queued, f flight, class Class) time.Duration {
	if e.limit == 0 {
		return from
	}
	taken := e.taken(f.n)
	pollAt, gap := e.pollAt, span/time.Duration(e.limit)
	frees := e.places(now, f)
	inARow := q.inARow
	for at := from; ; q.all-- {
		for len(frees) > 0 && (frees[0].at <= at || taken >= e.limit) {
			at = max(at, frees[0].at)
			taken -= frees[0].n
			frees = frees[1:]
		}
		if q.fast > 0 && inARow < pollTurn {
			q.fast--
			inARow++
		} else if class == Poll {
			if inARow = 0; q.fast == 0 && (q.all > 0 || !q.forced) {
				at = max(at, pollAt)
			}
			if 2*taken > e.limit {
				pollAt = max(at, pollAt) + gap
			}
		}
		if q.all <= 0 {
			return at
		}
		taken++
		free := leaves(int64((at + f.trip) / slot))
		if last := len(frees) - 1; last >= 0 && frees[last].at == free {
			frees[last].n++
		} else {
			frees = append(frees, places{free, 1})
		}
	}
}

// places are so many that are free again at a time.
type places struct {
	at time.Duration
	n  int64
}

// places are those of the calls that are counted, some of which may be free by now, and of
// those in flight.
func (e *estimate) places(now time.Duration, f flight) []places {
	var all []places
	if y := e.tally; y != nil {
		for s := y.last - stays + 1; s <= y.last; s++ {
			if n := y.in(s); n > 0 {
				all = append(all, places{leaves(s), n})
			}
		}
	}
	if f.n > 0 {
		all = append(all, places{leaves(int64((now + f.trip) / slot)), f.n})
	}
	return all
}
