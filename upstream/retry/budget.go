package retry

import (
	"math"
	"time"
)

// deepest is how far a budget goes below zero: calls that have failed take back what they
// earned when they began, which others may have spent.
const deepest = -10

// budget is how many retries may be made.
type budget struct {
	left float64
	at   time.Duration
}

// pass brings what time brings: it fills a reserve that is not full, and empties what is
// more than that.
func (b *budget) pass(cfg *Config, now time.Duration) {
	d := now - b.at
	if d <= 0 {
		return
	}
	b.at = now
	if more := b.left - cfg.Reserve; more > 0 {
		b.left = cfg.Reserve + more*math.Exp(-float64(d)/float64(cfg.Memory))
	} else {
		b.left = min(b.left+d.Seconds()*cfg.PerSecond, cfg.Reserve)
	}
}

// spend takes one, if there is one.
func (b *budget) spend() bool {
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
