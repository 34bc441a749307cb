package slots

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Config sets a [Limiter]. Each zero value is its default.
type Config struct {
	// Slots is how many calls may be under way: 64 by default.
	Slots int
	// Queue is how many may wait for a slot: eight times Slots by default, negative for
	// none.
	Queue int
	// Share is what calls with the same key may have of the slots, and of the places to
	// wait, rounded down, but one of each at least: 0.5 by default, at most 1.
	Share float64
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Slots < 0 {
		return cfg, errors.New("slots: Slots must not be negative")
	}
	cfg.Slots = cmp.Or(cfg.Slots, 64)
	cfg.Queue = max(cmp.Or(cfg.Queue, 8*cfg.Slots), 0)
	cfg.Share = cmp.Or(cfg.Share, 0.5)
	if !(cfg.Share > 0 && cfg.Share <= 1) { // nor is it a number else
		return cfg, errors.New("slots: Share must be above 0, and 1 at most")
	}
	return cfg, nil
}

// part is what one key may have of whole, one at least of what there is.
func (cfg Config) part(whole int) int {
	return max(int(cfg.Share*float64(whole)), min(whole, 1))
}

// Reason says why a call was refused.
type Reason int

// Reasons of a [RefusedError].
const (
	QueueFull Reason = iota + 1 // too many wait already, of this key or of all
	TooLate                     // its deadline would pass before its turn
)

// RefusedError refuses a call at once.
type RefusedError struct {
	Key    string
	Reason Reason
	// Wait is about how long it would have had to wait, 0 if that is not known: an estimate
	// from how long calls have kept their slots lately.
	Wait time.Duration
}

// Error says why.
func (e *RefusedError) Error() string {
	why := "too many calls are waiting"
	if e.Reason == TooLate {
		why = "the deadline is nearer than a free slot"
	}
	if e.Wait > 0 {
		return fmt.Sprintf("%s for %s: not sent, about %v to wait", why, e.Key, e.Wait.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s for %s: not sent", why, e.Key)
}
