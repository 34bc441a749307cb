package retry

import (
	"cmp"
	"errors"
	"net/http"
	"time"
)

// Config sets a [Policy]. Each zero value is its default.
type Config struct {
	// Attempts is how often a call may be sent: 3 by default, 1 for no retry.
	Attempts int
	// Base is the longest wait before the second attempt, 50 ms by default. It doubles with
	// each further attempt up to Longest, 1 s by default. The wait is random, from 0 up.
	Base, Longest time.Duration
	// MaxAfter is the longest wait that an answer may ask for, 2 s by default: if it asks for
	// more, there is no retry.
	MaxAfter time.Duration
	// Enough is the time that must be left for an attempt, after the wait and before the
	// deadline of the context: 100 ms by default.
	Enough time.Duration

	// Share is how many retries a call earns that needs none itself: 0.1 by default, at
	// most 1.
	Share float64
	// Memory is the time over which what is earned is forgotten: 2 s by default.
	Memory time.Duration
	// PerSecond is how many retries time earns each second, as long as there are not
	// Reserve: 0.5 and 2 by default.
	PerSecond, Reserve float64
}

func (cfg Config) withDefaults() (Config, error) {
	if min(cfg.Base, cfg.Longest, cfg.MaxAfter, cfg.Enough, cfg.Memory) < 0 {
		return cfg, errors.New("retry: times must not be negative")
	}
	if cfg.Attempts < 0 || cfg.Share < 0 || cfg.Share > 1 || cfg.PerSecond < 0 || cfg.Reserve < 0 {
		return cfg, errors.New("retry: Attempts, PerSecond and Reserve must not be negative, Share must be from 0 to 1")
	}
	cfg.Attempts = cmp.Or(cfg.Attempts, 3)
	cfg.Base = cmp.Or(cfg.Base, 50*time.Millisecond)
	cfg.Longest = cmp.Or(cfg.Longest, max(time.Second, cfg.Base))
	cfg.MaxAfter = cmp.Or(cfg.MaxAfter, 2*time.Second)
	cfg.Enough = cmp.Or(cfg.Enough, 100*time.Millisecond)
	cfg.Share = cmp.Or(cfg.Share, 0.1)
	cfg.Memory = cmp.Or(cfg.Memory, 2*time.Second)
	cfg.PerSecond = cmp.Or(cfg.PerSecond, 0.5)
	cfg.Reserve = cmp.Or(cfg.Reserve, 2)
	if cfg.Longest < cfg.Base {
		return cfg, errors.New("retry: Longest must not be less than Base")
	}
	return cfg, nil
}

// Transient says whether a read that was answered with this status may be answered
// otherwise if it is sent again.
func Transient(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
