package nginx

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

var rounds = flag.Int("rolling.rounds", 0, "how often both gateways are replaced; 0 leaves that out")

// followers are those over gRPC; eventFollowers read server-sent events.
const followers, eventFollowers = 120, 8

var tokens = []string{sandbox.TokenMaintainer, sandbox.TokenDeveloper, sandbox.TokenReporter}

// load is what callers do while the gateways are replaced.
type load struct {
	t   *testing.T
	f   *front
	g   *gitlab
	job int64

	calls             sync.WaitGroup
	stop              chan struct{}
	reads, web, wrote atomic.Int64
	again             atomic.Int64 // streams that were begun again

	following sync.WaitGroup
	mu        sync.Mutex
	written   []byte
	logs      [][]byte
}

// TestRollingReplacement replaces both gateways, one after the other, as docs/operations.md
// tells, while callers read, write and follow.
func TestRollingReplacement(t *testing.T) {
	findNginx(t)
	if *rounds == 0 {
		t.Skip("it is a load of its own: run by make check-deploy, or with -rolling.rounds 1")
	}
	g := startGitLab(t)
	two := startTwo(t, g)
	f := startFront(t, two[0].line(), two[1].line())
	l := &load{t: t, f: f, g: g, stop: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+time.Duration(*rounds)*time.Minute)
	defer cancel()
	l.begin(ctx)

	for range *rounds {
		for i, p := range two {
			l.moreOf(ctx, 100)
			out := p.line()
			out.down = true
			f.set(i, out)
			took, err := p.terminate()
			t.Logf("gateway %d was gone %v after SIGTERM", i, took.Round(time.Millisecond))
			if err != nil || took > shutdownTimeout {
				t.Errorf("it took %v: %v", took, err)
			}
			if two[i], err = startGateway(t, g); err != nil {
				t.Fatal(err)
			}
			f.set(i, two[i].line())
		}
	}
	l.moreOf(ctx, 100)
	l.end()
	t.Logf("%d reads over gRPC, %d over REST, %d writes, %d bytes to each of %d followers, %d streams begun again",
		l.reads.Load(), l.web.Load(), l.wrote.Load(), len(l.written), followers+eventFollowers, l.again.Load())
}

// begin starts all callers, and waits until every follower has read something.
func (l *load) begin(ctx context.Context) {
	l.written = []byte("begin\n")
	l.job = l.g.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "running"}}, Log: bytes.Clone(l.written)})
	l.logs = make([][]byte, followers+eventFollowers)
	var first sync.WaitGroup
	first.Add(len(l.logs))
	conns := make([]jobgatev1.TraceServiceClient, 4)
	for i := range conns {
		conns[i] = jobgatev1.NewTraceServiceClient(l.f.dial())
	}
	for i := range followers {
		l.following.Go(func() { l.follow(ctx, i, conns[i%len(conns)], sync.OnceFunc(first.Done)) })
	}
	for i := followers; i < len(l.logs); i++ {
		l.following.Go(func() { l.followEvents(ctx, i, l.f.web(i%2 == 0), sync.OnceFunc(first.Done)) })
	}
	first.Wait()
	l.calls.Go(l.grow)
	for i := range 4 {
		jobs := jobgatev1.NewJobServiceClient(l.f.dial())
		l.calls.Go(func() { l.every(10*time.Millisecond, func(int) { l.read(ctx, jobs, tokens[i%len(tokens)]) }) })
	}
	for i := range 2 {
		client := l.f.web(i == 0)
		l.calls.Go(func() { l.every(10*time.Millisecond, func(int) { l.readREST(ctx, client) }) })
		jobs := jobgatev1.NewJobServiceClient(l.f.dial())
		l.calls.Go(func() { l.every(15*time.Millisecond, func(n int) { l.write(ctx, jobs, fmt.Sprint(i, "-", n)) }) })
	}
}

// every does something again and again, until the load ends.
func (l *load) every(pause time.Duration, what func(n int)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			what(n)
		}
	}
}

// moreOf waits until n more calls of each kind have been done.
func (l *load) moreOf(ctx context.Context, n int64) {
	for _, count := range []*atomic.Int64{&l.reads, &l.web, &l.wrote} {
		for until := count.Load() + n; count.Load() < until && ctx.Err() == nil && !l.t.Failed(); {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// grow lets the log grow, all the time.
func (l *load) grow() {
	l.every(20*time.Millisecond, func(n int) {
		line := fmt.Appendf(nil, "line %d %0*d\n", n, rand.IntN(300), n)
		l.mu.Lock()
		l.written = append(l.written, line...)
		l.mu.Unlock()
		l.g.GrowTrace(l.job, line)
	})
}

func (l *load) read(ctx context.Context, jobs jobgatev1.JobServiceClient, token string) {
	_, err := jobs.GetJob(as(ctx, token), &jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: sandbox.JobSuccess})
	if err != nil {
		l.t.Errorf("GetJob: %v", err)
	}
	l.reads.Add(1)
}

func (l *load) readREST(ctx context.Context, client *http.Client) {
	answer, err := l.f.get(ctx, client, "/api/v4/projects/acme%2Fwidgets/jobs?per_page=2", sandbox.TokenDeveloper)
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			err = errors.Join(err, errors.New(answer.Status))
		}
	}
	if err != nil {
		l.t.Errorf("GET: %v", err)
	}
	l.web.Add(1)
}

// write cancels a job that nobody else does.
func (l *load) write(ctx context.Context, jobs jobgatev1.JobServiceClient, id string) {
	job := l.g.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "running"}}})
	_, err := jobs.CancelJob(as(ctx, sandbox.TokenMaintainer), &jobgatev1.CancelJobRequest{
		Project: "acme/widgets", JobId: job, RequestId: "rolling-" + id,
	})
	if err != nil {
		l.t.Errorf("CancelJob %d: %v", job, err)
	}
	l.wrote.Add(1)
}

func (l *load) follow(ctx context.Context, i int, client jobgatev1.TraceServiceClient, began func()) {
	defer began()
	log := follow.Log(as(ctx, tokens[i%len(tokens)]), client,
		&jobgatev1.ReadTraceRequest{Project: "acme/widgets", JobId: l.job, Follow: true},
		follow.OnRetry(func(follow.Retry) error { l.again.Add(1); return nil }))
	for data, err := range log.Bytes() {
		if err != nil {
			l.t.Errorf("follower %d: %v", i, err)
			return
		}
		l.logs[i] = append(l.logs[i], data...)
		began()
	}
}

// followEvents goes on from the last event's id, as a browser's EventSource does.
func (l *load) followEvents(ctx context.Context, i int, client *http.Client, began func()) {
	defer began()
	path := fmt.Sprintf("/api/v4/projects/acme%%2Fwidgets/jobs/%d/trace?follow=true", l.job)
	for last := ""; ctx.Err() == nil; l.again.Add(1) {
		header := []string{"Accept", "text/event-stream"}
		if last != "" {
			header = append(header, "Last-Event-ID", last)
		}
		answer, err := l.f.get(ctx, client, path, tokens[i%len(tokens)], header...)
		if err != nil || answer.StatusCode != http.StatusOK {
			l.t.Errorf("events %d: %v", i, err)
			return
		}
		ended := l.takeEvents(i, answer.Body, &last, began)
		_ = answer.Body.Close()
		if ended {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (l *load) takeEvents(i int, body io.Reader, last *string, began func()) (ended bool) {
	for events := newEvents(body); ; {
		e, err := events.next()
		if err != nil {
			return false
		}
		*last = e.id
		switch e.name {
		case "chunk":
			if e.offset != int64(len(l.logs[i])) {
				l.t.Errorf("events %d: a chunk at %d after %d bytes", i, e.offset, len(l.logs[i]))
			}
			l.logs[i] = append(l.logs[i], e.data...)
			began()
		case "end":
			return true
		case "reset", "gap":
			l.t.Errorf("events %d: %s", i, e.name)
		}
	}
}

// end ends the load and compares.
func (l *load) end() {
	close(l.stop)
	l.calls.Wait()
	l.g.SetStatus(l.job, "success")
	l.following.Wait()
	for i, log := range l.logs {
		if !bytes.Equal(log, l.written) {
			l.t.Errorf("follower %d read %d bytes, of %d that were written, and not the same", i, len(log), len(l.written))
		}
	}
	l.g.mu.Lock()
	defer l.g.mu.Unlock()
	if int64(len(l.g.writes)) != l.wrote.Load() {
		l.t.Errorf("%d jobs were canceled, of %d", len(l.g.writes), l.wrote.Load())
	}
	for path, n := range l.g.writes {
		if n != 1 {
			l.t.Errorf("%s was done %d times", path, n)
		}
	}
}
