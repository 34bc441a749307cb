package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jobgate/jobgate/bench/payload"
)

// sample is one round of one peer.
type sample struct {
	cpu    time.Duration // of the server process, per call
	lat    latencies
	peak   int64   // bytes
	allocs float64 // per call; negative if the peer does not tell
}

// measurement is all rounds of one peer for one row.
type measurement struct {
	peer    *peer
	work    workload
	calls   int // per round
	samples []sample
}

// measureRow measures a row over gRPC on all peers.
func (b *bench) measureRow(ctx context.Context, v payload.Variant, r row) ([]*measurement, error) {
	var all []*measurement
	for _, p := range b.peers {
		c, err := newCall(p.name, v, r)
		if err != nil {
			return nil, err
		}
		if err := verify(ctx, p, c, v, r); err != nil {
			return nil, fmt.Errorf("%s/%s: %s: %w", v.Name, r.name, p.name, err)
		}
		all = append(all, &measurement{peer: p, work: &grpcLoad{c, p.conns}})
	}
	return all, b.measureAll(ctx, all, v.Name+"-"+r.name)
}

// measureAll measures one row: the same callers, rounds interleaved, the order
// turned by one each round, so that what the machine does meanwhile hits all of
// them alike.
func (b *bench) measureAll(ctx context.Context, all []*measurement, name string) (err error) {
	for _, m := range all {
		defer m.work.close()
		if m.calls, err = b.calibrate(ctx, m); err != nil {
			return err
		}
	}
	for round := range b.rounds {
		for i := range all {
			m := all[(i+round)%len(all)]
			s, err := b.measureRound(ctx, m)
			if err != nil {
				return err
			}
			m.samples = append(m.samples, s)
		}
	}
	for _, m := range all {
		if b.profiles == "" || m.peer.control == "" {
			continue
		}
		if err := b.profile(ctx, m, name); err != nil {
			return err
		}
	}
	return nil
}

// verify makes a row's first call and compares the jobs in the answer with
// those sent, so that nobody is measured doing something else.
func verify(ctx context.Context, p *peer, c call, v payload.Variant, r row) error {
	want, err := wantAnswer(v, r)
	if err != nil {
		return err
	}
	var got []answered
	err = callOnce(callerContext(ctx, 0), p.conns[0], c.method, c.requests[0], func(b []byte) (err error) {
		got, err = readAnswer(p.name, r, b)
		return err
	})
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("answered %d jobs, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("job %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	return nil
}

// calibrate warms the peer up and finds how many calls take it as much
// processor time as a round should.
func (b *bench) calibrate(ctx context.Context, m *measurement) (int, error) {
	for n := 4 * b.callers; ; n *= 2 {
		before, err := m.peer.cpuTime()
		if err != nil {
			return 0, err
		}
		if _, err := load(ctx, m.peer.name, m.work, n, b.callers); err != nil {
			return 0, err
		}
		after, err := m.peer.cpuTime()
		if err != nil {
			return 0, err
		}
		if used := after - before; used >= b.roundCPU/4 {
			return max(int(float64(n)*float64(b.roundCPU)/float64(used)), b.callers), nil
		}
	}
}

// measureRound measures one round of one peer.
func (b *bench) measureRound(ctx context.Context, m *measurement) (sample, error) {
	if err := m.peer.resetPeak(); err != nil {
		return sample{}, err
	}
	mallocs, told := m.peer.mallocs(ctx)
	before, err := m.peer.cpuTime()
	if err != nil {
		return sample{}, err
	}
	lat, err := load(ctx, m.peer.name, m.work, m.calls, b.callers)
	if err != nil {
		return sample{}, err
	}
	after, err := m.peer.cpuTime()
	if err != nil {
		return sample{}, err
	}
	s := sample{cpu: (after - before) / time.Duration(m.calls), lat: lat, allocs: -1}
	if now, ok := m.peer.mallocs(ctx); ok && told {
		s.allocs = (now - mallocs) / float64(m.calls)
	}
	s.peak, err = m.peer.peakMemory()
	return s, err
}

// mallocs is how many heap objects the peer has allocated, if it tells: a role
// at /stats, the gateway among its metrics.
func (p *peer) mallocs(ctx context.Context) (float64, bool) {
	if p.control == "" {
		return 0, false
	}
	path := "/stats"
	if p.tellsMetrics() {
		path = "/metrics"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.control+path, nil)
	if err != nil {
		return 0, false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	if !p.tellsMetrics() {
		var stats allocStats
		err := json.NewDecoder(resp.Body).Decode(&stats)
		return float64(stats.Mallocs), err == nil
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name == "go_memstats_mallocs_total" || name == "go_gc_heap_allocs_objects_total" {
			n, err := strconv.ParseFloat(value, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// tellsMetrics says whether the peer is the gateway's own binary.
func (p *peer) tellsMetrics() bool { return p.name == gatewayName || p.name == watchedName }
