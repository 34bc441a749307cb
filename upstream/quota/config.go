package quota

import (
	"cmp"
	"errors"
	"time"
)

// Config sets a [Limiter]. Each zero value is its default.
type Config struct {
	// Queue is how many calls with one credential may wait: 1024 by default, negative for
	// none.
	Queue int
	// RouteQueue is how many of these may wait for one route: half of Queue by default,
	// negative for none.
	RouteQueue int
	// FirstCalls is how many calls with a credential to one route may be in flight before
	// GitLab has answered one: 8 by default; a route that is slow holds up no other. Each
	// answer that tells no quota allows one more, up to 64; from then on there is no bound.
	// Nor does one that is slow to answer hold up the others: one more may be sent every
	// second.
	FirstCalls int
	// Credentials is how many are remembered: 10000 by default. The one that was used
	// longest ago is forgotten first, unless calls with it wait.
	Credentials int
	// Idle is how long one without calls is remembered: 10 minutes by default.
	Idle time.Duration
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.FirstCalls < 0 || cfg.Credentials < 0 || cfg.Idle < 0 {
		return cfg, errors.New("quota: FirstCalls, Credentials and Idle must not be negative")
	}
	cfg.Queue = max(cmp.Or(cfg.Queue, 1024), 0)
	cfg.RouteQueue = max(cmp.Or(cfg.RouteQueue, (cfg.Queue+1)/2), 0)
	cfg.FirstCalls = cmp.Or(cfg.FirstCalls, 8)
	cfg.Credentials = cmp.Or(cfg.Credentials, 10_000)
	cfg.Idle = cmp.Or(cfg.Idle, 10*time.Minute)
	return cfg, nil
}
