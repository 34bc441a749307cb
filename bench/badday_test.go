package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// startBadDayTest is GitLab on a bad day, in this process.
func startBadDayTest(t *testing.T) *badDay {
	t.Helper()
	lis, err := net.Listen("tcp", ownLoopback()+":0")
	if err != nil {
		t.Fatal(err)
	}
	d, err := newBadDay(lis)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.mu.Lock()
		_ = d.lis.Close()
		d.mu.Unlock()
		<-d.failed
	})
	return d
}

// be changes the mood and returns what had come before.
func be(t *testing.T, d *badDay, query string) (seen badDaySeen) {
	t.Helper()
	w := httptest.NewRecorder()
	d.control(w, httptest.NewRequest(http.MethodGet, badDayControl+"?"+query, http.NoBody))
	if err := json.NewDecoder(w.Body).Decode(&seen); err != nil {
		t.Fatalf("%s: %v: %s", query, err, w.Body)
	}
	return seen
}

// TestBadDay has GitLab be in all moods, and well again after each.
func TestBadDay(t *testing.T) {
	d := startBadDayTest(t)
	ask := func(path string) (int, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.addr+path, http.NoBody)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	const job = "/api/v4/projects/101/jobs/13372360777" // beyond those that there are
	wellIs := func() {
		t.Helper()
		if code, err := ask(job); code != 200 || err != nil {
			t.Errorf("well: %d, %v", code, err)
		}
	}
	wellIs()
	if code, err := ask("/api/v4/projects/101/pipelines/7/bridges"); code != 200 || err != nil {
		t.Errorf("bridges: %d, %v", code, err)
	}
	if seen := be(t, d, "be=refusing"); seen.Requests != 2 || seen.Connects != 0 {
		t.Errorf("before: %+v", seen)
	}
	for range 3 {
		if _, err := ask(job); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("refusing: %v", err)
		}
	}
	time.Sleep(100 * time.Millisecond) // packets are counted a little later
	if seen := be(t, d, "be=well"); seen.Requests != 2 || seen.Connects != 3 && !seen.Blind {
		t.Errorf("refusing: %+v, want 3 attempts to connect", seen)
	}
	wellIs()
	be(t, d, "be=failing")
	first, _ := ask(job)
	second, _ := ask(job)
	if first+second != 502+503 {
		t.Errorf("failing: %d and %d", first, second)
	}
	be(t, d, "be=hanging")
	if code, err := ask(job); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging: %d, %v", code, err)
	}
	if seen := be(t, d, "be=well&slow=1h"); seen.Requests != 6 {
		t.Errorf("in all: %+v", seen)
	}
	wellIs()
	if _, err := ask("/api/v4/projects/101/pipelines/7/bridges"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow: %v", err)
	}
	if seen := be(t, d, ""); seen.Slow != 1 {
		t.Errorf("slow: %+v", seen)
	}
}

// TestOtherTrafficIsNotCounted starts counters while others connect elsewhere.
func TestOtherTrafficIsNotCounted(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			default:
			}
			if conn, err := net.Dial("tcp", lis.Addr().String()); err == nil {
				_ = conn.Close()
			}
			if conn, err := lis.Accept(); err == nil {
				_ = conn.Close()
			}
		}
	}()
	defer func() {
		close(end)
		<-ended
	}()
	for range 20 {
		c, err := countSYNs(ownLoopback() + ":9")
		if err != nil {
			t.Skip(err)
		}
		if n := c.stop(); n != 0 {
			t.Fatalf("%d packets were counted that went elsewhere", n)
		}
	}
}

// TestOutageJudged holds the figures of an outage against calls that are known.
func TestOutageJudged(t *testing.T) {
	const s = time.Second
	o := &outage{down: 10 * s, open: 12 * s, up: 20 * s, over: 30 * s, deadline: 2 * s, calls: []called{
		{at: 5 * s, took: 3 * s},                                  // late
		{at: 11 * s, took: 2 * s, code: codes.DeadlineExceeded},   // in vain
		{at: 12 * s, took: promptly, code: codes.Unavailable},     // prompt
		{at: 13 * s, took: promptly + 1, code: codes.Unavailable}, // not quite
		{at: 19 * s, took: time.Millisecond, code: codes.Unavailable},
		{at: 20 * s, took: s},
		{at: 23 * s, took: s, code: codes.Unavailable}, // the last failure
		{at: 24 * s, took: s},
	}}
	if share, p50, p99 := o.prompt(); share < 0.66 || share > 0.67 || p50 != promptly || p99 != promptly+1 {
		t.Errorf("prompt: %v, %v, %v", share, p50, p99)
	}
	if late, inVain := o.late(); late != 1 || inVain != 1 {
		t.Errorf("late %d, in vain %d", late, inVain)
	}
	if healed := o.healed(); healed != 3*s {
		t.Errorf("healed after %v", healed)
	}
	o.open = o.up // never
	if share, p50, _ := o.prompt(); share != 0 || p50 != 0 {
		t.Errorf("of none: %v, %v", share, p50)
	}
}

// TestSteady makes calls that never end in time, at a rate that does not care.
func TestSteady(t *testing.T) {
	end := make(chan struct{})
	calls := steadily(1000, func(int) error {
		<-end
		return nil
	})
	time.Sleep(200 * time.Millisecond)
	time.AfterFunc(50*time.Millisecond, func() { close(end) })
	most := int(calls.now()/time.Millisecond) + 50 // on a busy machine it was more
	all := calls.stop()
	if len(all) < 20 || len(all) > most {
		t.Errorf("%d calls began, want %d at most", len(all), most)
	}
	if all[0].took < 200*time.Millisecond {
		t.Errorf("the first took %v", all[0].took)
	}
}

// TestMetric reads one metric of several whose names begin alike.
func TestMetric(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Join([]string{getJobCircuit[:20] + " 7", `jobgate_circuit_open{call="get job",x="y"} 7`, getJobCircuit + " 0.5", ""}, "\n")))
	}))
	defer s.Close()
	p := &peer{control: s.URL}
	if value, err := p.metric(t.Context(), getJobCircuit); value != 0.5 || err != nil {
		t.Errorf("got %v, %v", value, err)
	}
}
