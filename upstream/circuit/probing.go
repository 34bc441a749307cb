package circuit

import (
	"math/rand/v2"
	"time"
)

// probing finds when to let a call through while the circuit is open.
type probing struct {
	number   int64 // of the latest probe, from 1
	underWay bool  // the latest has not ended
	begun    time.Duration
	interval time.Duration // without jitter
	next     time.Duration // not before that
}

// open begins anew, or goes on with a longer interval.
func (p *probing) open(cfg *Config, now time.Duration, anew bool) {
	if anew {
		p.interval = 0
	}
	p.underWay = false
	p.begun = now
	p.put(cfg)
}

// put is after an opening or a failed probe.
func (p *probing) put(cfg *Config) {
	p.interval = min(max(2*p.interval, cfg.FirstProbe), cfg.LastProbe)
	p.next = p.begun + p.interval - rand.N(p.interval/2+1) //nolint:gosec // not a secret
}

// due says whether a probe may go.
func (p *probing) due(cfg *Config, now time.Duration) bool {
	if p.underWay && now >= p.begun+cfg.Patience {
		p.failed(cfg, p.number)
	}
	return !p.underWay && now >= p.next
}

// begin lets a probe go and returns its number.
func (p *probing) begin(now time.Duration) int64 {
	p.number++
	p.underWay, p.begun = true, now
	return p.number
}

// failed is after the failure of a probe. That of one which was given up says nothing.
func (p *probing) failed(cfg *Config, number int64) {
	if p.underWay && number == p.number {
		p.underWay = false
		p.put(cfg)
	}
}

// ignored is after a probe that said nothing: another one goes soon, but not at once, or
// callers in a hurry would make a stream of them.
func (p *probing) ignored(cfg *Config, number int64) {
	if p.underWay && number == p.number {
		p.underWay = false
		p.next = p.begun + min(p.interval, cfg.FirstProbe)
	}
}

// wait is how long nobody is let through: until a while from now if a probe is under way.
func (p *probing) wait(cfg *Config, now time.Duration) time.Duration {
	if p.underWay {
		return cfg.FirstProbe / 2
	}
	return max(p.next-now, 0)
}
