package circuit

import (
	"cmp"
	"errors"
	"time"
)

// Config sets a [Breaker]. Each zero value is its default.
type Config struct {
	// Name is what the breaker stands before, for its errors: "gitlab" by default.
	Name string

	// Run failures without a success between them open the circuit: 2 by default.
	Run int
	// RunTime is how long a run must last to do so: 500 ms by default.
	RunTime time.Duration

	// Share of failures among the calls of a Window that opens the circuit: 0.5 by
	// default, at most 1.
	Share float64
	// MinCalls is how many calls a Window must have for that: 20 by default.
	MinCalls int
	// Window is the time over which Share is taken: 2 s by default.
	Window time.Duration

	// FirstProbe and LastProbe bound the time between probes: 500 ms and 10 s by default.
	// Jitter takes off up to a half.
	FirstProbe, LastProbe time.Duration
	// Patience is how long a call may be without an answer: 5 s by default. A caller who
	// gives up after that tells a failure, and so do those who give up one after the other
	// for as long, each after a tenth of it at least. A probe counts as failed then, and
	// another one may go, so that recovery is seen although the first one hangs.
	Patience time.Duration

	// RampStep is the least time of each of the three steps from the first success to
	// normal: 1 s by default.
	RampStep time.Duration
}

// withDefaults returns cfg with its zero values replaced.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.Run < 0 || cfg.Share < 0 || cfg.Share > 1 || cfg.MinCalls < 0 {
		return cfg, errors.New("circuit: Run and MinCalls must not be negative, Share must be from 0 to 1")
	}
	if min(cfg.RunTime, cfg.Window, cfg.FirstProbe, cfg.LastProbe, cfg.Patience, cfg.RampStep) < 0 {
		return cfg, errors.New("circuit: times must not be negative")
	}
	if cfg.Window > 0 && cfg.Window < pieces*time.Millisecond {
		return cfg, errors.New("circuit: Window must be 10 ms at least")
	}
	cfg.Name = cmp.Or(cfg.Name, "gitlab")
	cfg.Run = cmp.Or(cfg.Run, 2)
	cfg.RunTime = cmp.Or(cfg.RunTime, 500*time.Millisecond)
	cfg.Share = cmp.Or(cfg.Share, 0.5)
	cfg.MinCalls = cmp.Or(cfg.MinCalls, 20)
	cfg.Window = cmp.Or(cfg.Window, 2*time.Second)
	cfg.FirstProbe = cmp.Or(cfg.FirstProbe, 500*time.Millisecond)
	cfg.LastProbe = cmp.Or(cfg.LastProbe, max(10*time.Second, cfg.FirstProbe))
	cfg.Patience = cmp.Or(cfg.Patience, 5*time.Second)
	cfg.RampStep = cmp.Or(cfg.RampStep, time.Second)
	if cfg.LastProbe < cfg.FirstProbe {
		return cfg, errors.New("circuit: LastProbe must not be less than FirstProbe")
	}
	return cfg, nil
}
