package live

import (
	"math/rand/v2"
	"time"
)

// Bounds of the pace at which a log is asked for; docs/adr/0006-live-logs.md.
const (
	soonest = time.Second
	latest  = 30 * time.Second // so that, with jitter and the time of an answer, nothing is older than a minute
	waiting = 2 * time.Second  // for a job that has not started
)

// Bounds of the bytes that a log may cost where each look costs the whole log.
const (
	rate  = 1 << 20  // bytes a second, averaged
	burst = 32 << 20 // bytes
)

// pace finds when to ask next, by what the log has been doing.
type pace struct {
	delay  time.Duration
	credit float64 // bytes that may be spent
	at     time.Time
}

func newPace(now time.Time) *pace { return &pace{delay: soonest, credit: burst, at: now} }

// grew is after a look that brought something new.
func (p *pace) grew() { p.delay = soonest }

// quiet is after a look that brought nothing, or failed.
func (p *pace) quiet() { p.delay = min(p.delay*3/2, latest) }

// notStarted is after a look at a job that has not started.
func (p *pace) notStarted() { p.delay = max(min(p.delay*3/2, latest), waiting) }

// spend counts the bytes that a look has cost.
func (p *pace) spend(now time.Time, bytes int64) {
	p.credit = min(p.credit+now.Sub(p.at).Seconds()*rate, burst) - float64(bytes)
	p.at = now
}

// next is the time to the next look: with jitter, and not before the bytes that it may
// cost can be spent.
func (p *pace) next(cost int64) time.Duration {
	wait := p.delay*9/10 + rand.N(p.delay/5+1) //nolint:gosec // not a secret
	if short := float64(min(cost, burst)) - p.credit; short > 0 {
		wait = max(wait, time.Duration(short/rate*float64(time.Second)))
	}
	return wait
}
