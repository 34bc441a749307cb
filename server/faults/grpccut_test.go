package faults

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// over is the gateway by a client of its own, whose first connection is on a bad network: it
// may connect again, and repeat by itself what it knows was not read.
func (g gate) over(c mishap) (by *gateway, used func() []*wire, end func()) {
	var mu sync.Mutex
	var all []*wire
	conn, err := grpc.NewClient(g.conn.Target(),
		grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if len(all) > 0 {
				c = mishap{}
			}
			w, err := dialWire(ctx, to, c)
			if err != nil {
				return nil, err
			}
			all = append(all, w)
			return w, nil
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: time.Millisecond, MaxDelay: time.Millisecond}, MinConnectTimeout: enough}))
	if err != nil {
		panic(err)
	}
	by = &gateway{
		conn: conn, jobs: jobgatev1.NewJobServiceClient(conn), bridges: jobgatev1.NewBridgeServiceClient(conn),
		agents: jobgatev1.NewAgentServiceClient(conn), traces: jobgatev1.NewTraceServiceClient(conn),
	}
	used = func() []*wire {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
	return by, used, func() { _ = conn.Close() }
}

// isWhole says whether what a gRPC client has sent holds a whole message, and its end.
func isWhole(up []byte) bool {
	const preface, header, data, headers, endOfStream = 24, 9, 0, 1, 1
	for up = up[min(preface, len(up)):]; len(up) >= header; {
		size := header + int(binary.BigEndian.Uint32(up)>>8)
		if size > len(up) {
			return false
		}
		if kind := up[3]; (kind == data || kind == headers) && up[4]&endOfStream != 0 {
			return true
		}
		up = up[size:]
	}
	return false
}

// overGRPC makes the attempt, and the one after it.
func (c *trial) overGRPC(g gate) {
	a := &attempt{name: fmt.Sprint("write ", c.write.job), face: overGRPC, begun: time.Now()}
	c.first, c.write.attempts = a, append(c.write.attempts, a)
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	by, used, end := g.over(c.mishap)
	a.told(c.call(ctx, by, c.write, a))
	end()
	a.ended = time.Now()
	if a.claim == noServer { // or none that was heard of any more
		a.claim = nothing
	}
	for _, w := range used() {
		c.whole = c.whole || isWhole(w.sent())
	}
	c.repeat(g, func(again *attempt) {
		ctx, cancel := context.WithTimeout(context.Background(), enough)
		defer cancel()
		again.told(c.call(ctx, g.gateway, c.write, again))
	})
}

// TestCallersConnectionsOverGRPC cuts the connections of those who write at any byte: of the
// preface, of frames, and between them.
func TestCallersConnectionsOverGRPC(t *testing.T) {
	g, r := newGate(t), drawn(t)
	want := map[string]string{}
	var all []*trial
	for _, s := range calls() {
		for _, id := range []string{"", "write-of-" + strings.ReplaceAll(s.name, " ", "-")} {
			w := newWrite(g.gitlab.box, s.verb)
			w.id = id
			by, used, end := g.over(mishap{})
			err := s.call(t.Context(), by, w, &attempt{name: "write 0000"})
			end()
			said := g.gitlab.said(w)
			if len(said) != 1 || err != nil {
				t.Fatalf("%s, undisturbed: %v, %q", s.name, err, said)
			}
			if !isWhole(used()[0].sent()) {
				t.Fatalf("%s: %q is not whole", s.name, used()[0].sent())
			}
			want[key(s, id != "")] = anyJob(w, said[0])
			all = append(all, trials(g, r, s, len(used()[0].sent()), used()[0].read(), id != "")...)
		}
	}
	before := measure(g.idle, nil)
	each(all, func(c *trial) { c.overGRPC(g) })
	g.wantIdle(t, before)
	claims := map[claim]int{}
	for _, c := range all {
		c.judge(t, g, want[key(c.shape, c.write.id != "")])
		claims[c.first.claim]++
	}
	t.Logf("%d cuts of %d calls; told at first: %v", len(all), len(calls()), claims)
}
