package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	outageRow = "bad/outage"
	// outageTime is how long GitLab is down, outageRate how many calls a second there are all
	// the time, outageDeadline what each may take.
	outageTime     = time.Minute
	quickOutage    = 10 * time.Second
	outageRate     = 500
	outageDeadline = 10 * time.Second // at most six tenths of the outage
	// promptly is how soon a call is answered that is not sent.
	promptly = 50 * time.Millisecond
	// grace is what an answer may be late by, where all processes share the processors.
	grace = 100 * time.Millisecond
	// getJobCircuit tells among the gateway's metrics whether calls are held back.
	getJobCircuit = `jobgate_circuit_open{call="get job"}`
	lookEvery     = 50 * time.Millisecond
)

// outage is one time that GitLab was down, and what came of the calls.
type outage struct {
	mood                 mood
	deadline             time.Duration // of each call
	down, open, up, over time.Duration // when, since the calls began; open is that of the circuit
	normal               float64       // requests that would have come in as long a time as after
	before, held         int64         // what came to GitLab while it was down: until the circuit was open, and then
	after                int64         // and after it
	blind                bool          // what came was not counted
	calls                []called
}

// tellBadDay tells GitLab how to be, and returns what has come to it.
func tellBadDay(ctx context.Context, p *peer, query url.Values) (seen badDaySeen, err error) {
	resp, err := httpGet(ctx, p.control+badDayControl+"?"+query.Encode())
	if err != nil {
		return seen, err
	}
	defer resp.Body.Close()
	return seen, json.NewDecoder(resp.Body).Decode(&seen)
}

// startBadDay starts GitLab on a bad day, and the gateway in front of it.
func (b *bench) startBadDay(ctx context.Context, args ...string) (gitlab, gateway *peer, err error) {
	b.stopPeers()
	if gitlab, err = b.startControlled(ctx, badDayName, badDayControl); err != nil {
		return nil, nil, err
	}
	if gateway, err = startGateway(ctx, b.binary, b.dir, "http://"+gitlab.addr, args...); err != nil {
		return nil, nil, err
	}
	b.peers = append(b.peers, gateway)
	return gitlab, gateway, gateway.dial()
}

// startControlled starts a role and waits until it obeys at a path.
func (b *bench) startControlled(ctx context.Context, name, path string) (*peer, error) {
	p, err := startRole(ctx, name, roleConfig{logSize: 1})
	if err != nil {
		return nil, err
	}
	b.peers = append(b.peers, p)
	for begun := time.Now(); ; {
		resp, err := httpGet(ctx, p.control+path)
		if err == nil {
			return p, resp.Body.Close()
		}
		if time.Since(begun) > startTimeout {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := rest(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// runOutage measures an outage of each kind.
func (b *bench) runOutage(ctx context.Context) error {
	defer b.stopPeers()
	var all []*outage
	for _, how := range []mood{refusing, failing, hanging} {
		o, err := b.measureOutage(ctx, how)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", outageRow, how, err)
		}
		all = append(all, o)
	}
	b.printOutages(os.Stdout, all)
	return nil
}

// measureOutage calls at a steady rate, and takes GitLab down for a while. A normal time
// is what a third of one is, times three.
func (b *bench) measureOutage(ctx context.Context, how mood) (*outage, error) {
	gitlab, gateway, err := b.startBadDay(ctx)
	if err != nil {
		return nil, err
	}
	o := &outage{mood: how, deadline: min(outageDeadline, b.outage*6/10)}
	calls := steadily(outageRate, func(k int) error { return askJob(ctx, gateway, k, o.deadline) })
	err = b.playOutage(ctx, o, calls, gitlab, gateway)
	o.calls = calls.stop()
	return o, err
}

// playOutage takes GitLab down and brings it back, and counts what comes to it.
func (b *bench) playOutage(ctx context.Context, o *outage, calls *steady, gitlab, gateway *peer) error {
	tell := func(query url.Values) (badDaySeen, error) { return tellBadDay(ctx, gitlab, query) }
	if err := rest(ctx, time.Second); err != nil { // until all is warm
		return err
	}
	warm, err := tell(nil)
	if err != nil {
		return err
	}
	begun := calls.now()
	if err := rest(ctx, b.outage/3); err != nil {
		return err
	}
	healthy, err := tell(url.Values{"be": {string(o.mood)}})
	if err != nil {
		return err
	}
	o.down = calls.now()
	o.normal = float64(healthy.Requests-warm.Requests) / float64(o.down-begun) * float64(b.outage)
	if o.open, err = waitOpen(ctx, gateway, calls, o.down+b.outage); err != nil {
		return err
	}
	noticed, err := tell(nil)
	if err != nil {
		return err
	}
	o.blind = noticed.Blind
	if err := rest(ctx, o.down+b.outage-calls.now()); err != nil {
		return err
	}
	back, err := tell(url.Values{"be": {string(well)}})
	if err != nil {
		return err
	}
	o.up = calls.now()
	came := func(from, to badDaySeen) int64 { return to.Requests + to.Connects - from.Requests - from.Connects }
	o.before, o.held = came(healthy, noticed), came(noticed, back)
	if err := rest(ctx, b.outage); err != nil {
		return err
	}
	end, err := tell(nil)
	o.over, o.after = calls.now(), came(back, end)
	return err
}

// waitOpen waits until the gateway says that its circuit is open, but not longer than most.
func waitOpen(ctx context.Context, gateway *peer, calls *steady, most time.Duration) (time.Duration, error) {
	for calls.now() < most {
		if open, err := gateway.metric(ctx, getJobCircuit); err != nil || open == 1 {
			return calls.now(), err
		}
		if err := rest(ctx, lookEvery); err != nil {
			return 0, err
		}
	}
	return most, nil
}

// metric is the value of one of the gateway's metrics, 0 if it is not there.
func (p *peer) metric(ctx context.Context, name string) (float64, error) {
	resp, err := httpGet(ctx, p.control+"/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, lines.Err()
}

// rest waits, unless the run ends.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// prompt tells how calls were answered once the circuit was open: the share of them that
// was prompt, and their times.
func (o *outage) prompt() (share float64, p50, p99 time.Duration) {
	took := times(between(o.calls, o.open, o.up))
	n := 0
	for n < len(took) && took[n] <= promptly {
		n++
	}
	return float64(n) / float64(max(len(took), 1)), quantile(took, 0.5), quantile(took, 0.99)
}

// late is how many answers came after their deadline, of all calls, and how many callers
// waited for all of it in vain.
func (o *outage) late() (late, inVain int) {
	for _, c := range o.calls {
		if c.took > o.deadline+grace {
			late++
		}
		if c.code == codes.DeadlineExceeded {
			inVain++
		}
	}
	return late, inVain
}

// healed is how long after the outage the last call began that failed.
func (o *outage) healed() time.Duration {
	for i := len(o.calls) - 1; i >= 0 && o.calls[i].at >= o.up; i-- {
		if o.calls[i].code != codes.OK {
			return o.calls[i].at - o.up
		}
	}
	return 0
}
