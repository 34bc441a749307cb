package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"
)

const (
	slowRouteRow = "bad/slowroute"
	// slowTime is how long trigger jobs take, slowEach how long the fast calls are measured
	// without them and with them.
	slowTime, slowEach   = 30 * time.Second, 10 * time.Second
	quickSlow, quickEach = 5 * time.Second, 3 * time.Second
	// slowRate is how many slow calls begin each second, fastRate how many fast ones, and
	// fastTime what GitLab takes for one of these.
	slowRate, fastRate = 100, 500
	fastTime           = 20 * time.Millisecond
	// fullTime is how long the slow calls run before they count: they have all the room then
	// that they can get.
	fullTime = 2 * time.Second
)

// slowRow is how slow the slow route is, and how long a measurement takes.
type slowRow struct{ slow, each time.Duration }

// slowSample is one measurement of the fast calls.
type slowSample struct {
	p50, p99 time.Duration
	failed   int   // fast calls
	why      error // of one of them
	asked    int64 // slow calls that GitLab had under way
	waiting  int64 // and those that waited in the gateway
}

// runSlowRoute measures fast calls without and with slow ones beside them, in turns.
func (b *bench) runSlowRoute(ctx context.Context) error {
	defer b.stopPeers()
	var alone, beside []slowSample
	for round := range b.rounds {
		for k := range 2 {
			withSlow := (k+round)%2 == 1
			s, err := b.measureBeside(ctx, withSlow)
			if err != nil {
				return fmt.Errorf("%s: %w", slowRouteRow, err)
			}
			if withSlow {
				beside = append(beside, s)
			} else {
				alone = append(alone, s)
			}
		}
	}
	b.printSlowRoute(os.Stdout, alone, beside)
	return nil
}

// measureBeside measures the fast calls once, by a gateway that was just started. It is
// given twice the slow calls' time, so that they are slow and do not fail.
func (b *bench) measureBeside(ctx context.Context, withSlow bool) (s slowSample, err error) {
	gitlab, gateway, err := b.startBadDay(ctx, "--upstream-timeout", (2 * b.besides.slow).String())
	if err != nil {
		return s, err
	}
	if _, err := tellBadDay(ctx, gitlab, url.Values{"took": {fastTime.String()}, "slow": {b.besides.slow.String()}}); err != nil {
		return s, err
	}
	slowly, cancel := context.WithCancel(ctx)
	defer cancel()
	if withSlow {
		slow := steadily(slowRate, func(k int) error { return askBridges(slowly, gateway, k, 2*b.besides.slow) })
		defer slow.stop()
		defer cancel()
	}
	fast := steadily(fastRate, func(k int) error { return askJob(ctx, gateway, k, outageDeadline) })
	err = rest(ctx, fullTime+b.besides.each)
	seen, told := tellBadDay(ctx, gitlab, nil)
	slots, counted := gateway.metric(ctx, `jobgate_upstream_calls{state="waiting"}`)
	quota, counted2 := gateway.metric(ctx, "jobgate_quota_waiting")
	all := fast.stop()
	for _, err := range []error{err, told, counted, counted2} {
		if err != nil {
			return s, err
		}
	}
	s.failed, s.why = failures(all)
	took := times(between(all, fullTime, fullTime+b.besides.each))
	s.p50, s.p99 = quantile(took, 0.5), quantile(took, 0.99)
	s.asked, s.waiting = seen.Slow, int64(slots+quota)
	return s, nil
}
