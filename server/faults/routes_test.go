package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

var kinds = []sandbox.FaultKind{
	sandbox.Latency, sandbox.HangBeforeHeader, sandbox.HangAfterHeader, sandbox.StatusFault, sandbox.TooManyJSON,
	sandbox.TooManyText, sandbox.TooManyHTML, sandbox.ResetBeforeReply, sandbox.ResetMidBody, sandbox.ShortBody,
	sandbox.EndlessBody, sandbox.GzipBomb, sandbox.WrongContentType, sandbox.CutJSON, sandbox.WrongShape, sandbox.Redirect,
	sandbox.RewrittenLog, sandbox.NoSlices, sandbox.RangeFront, sandbox.LostChunk,
}

// class is what routes have in common that fail alike.
type class string

const (
	read   class = "read"
	proved class = "write that is read back"
	other  class = "write"
	logs1  class = "log"
	follow class = "followed log"
)

// route is one of the API, and how it is asked for.
type route struct {
	name  string
	match []string
	class class
	token string
	rest  func(job int64) string // method, path and query; a body goes with no write here
	grpc  func(ctx context.Context, g *gateway, job int64) error
	verb  string // of a write
	form  string // Accept
}

func (r route) header() string {
	if strings.HasPrefix(r.token, "glcbt") {
		return "Job-Token"
	}
	return "Private-Token"
}

const project = "/api/v4/projects/1"

func routes() []route {
	get := func(path string) func(int64) string { return func(int64) string { return "GET " + path } }
	pipeline := fmt.Sprintf("%s/pipelines/%d/", project, sandbox.PipelineMain)
	job := fmt.Sprintf("%s/jobs/%d", project, sandbox.JobSuccess)
	trace := func(query string) func(int64) string {
		return func(job int64) string { return fmt.Sprintf("GET %s/jobs/%d/trace%s", project, job, query) }
	}
	log := func(req *jobgatev1.ReadTraceRequest) func(context.Context, *gateway, int64) error {
		return func(ctx context.Context, g *gateway, job int64) error {
			req := &jobgatev1.ReadTraceRequest{Project: "1", JobId: job, Follow: req.GetFollow(), Start: req.GetStart()}
			stream, err := g.traces.ReadTrace(ctx, req)
			for err == nil {
				_, err = stream.Recv()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
	tail := &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 3}}
	post := func(verb string) func(int64) string {
		return func(job int64) string { return fmt.Sprintf("POST %s/jobs/%d/%s", project, job, verb) }
	}
	all := []route{
		{name: "project_jobs", match: []string{sandbox.RouteProjectJobs}, class: read, rest: get(project + "/jobs"), grpc: func(ctx context.Context, g *gateway, _ int64) error {
			_, err := g.jobs.ListProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: "1"})
			return err
		}},
		{name: "pipeline_jobs", match: []string{sandbox.RoutePipelineJobs}, class: read, rest: get(pipeline + "jobs"), grpc: func(ctx context.Context, g *gateway, _ int64) error {
			_, err := g.jobs.ListPipelineJobs(ctx, &jobgatev1.ListPipelineJobsRequest{Project: "1", PipelineId: sandbox.PipelineMain})
			return err
		}},
		{name: "bridges", match: []string{sandbox.RouteBridges, sandbox.RouteTriggerJobs}, class: read, rest: get(pipeline + "bridges"), grpc: func(ctx context.Context, g *gateway, _ int64) error {
			_, err := g.bridges.ListPipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: sandbox.PipelineMain})
			return err
		}},
		{name: "trigger_jobs", match: []string{sandbox.RouteTriggerJobs}, class: read, rest: get(pipeline + "trigger_jobs")},
		{name: "token_job", match: []string{sandbox.RouteTokenJob}, class: read, token: sandbox.JobTokenRunning, rest: get("/api/v4/job"), grpc: func(ctx context.Context, g *gateway, _ int64) error {
			_, err := g.jobs.GetTokenJob(ctx, &jobgatev1.GetTokenJobRequest{})
			return err
		}},
		{name: "allowed_agents", match: []string{sandbox.RouteAllowedAgents}, class: read, token: sandbox.JobTokenRunning, rest: get("/api/v4/job/allowed_agents"), grpc: func(ctx context.Context, g *gateway, _ int64) error {
			_, err := g.agents.GetAllowedAgents(ctx, &jobgatev1.GetAllowedAgentsRequest{})
			return err
		}},
		{name: "job", match: []string{sandbox.RouteJob}, class: read, rest: get(job), grpc: func(ctx context.Context, g *gateway, _ int64) error {
			_, err := g.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: sandbox.JobSuccess})
			return err
		}},
		{name: "trace", match: []string{sandbox.RouteTrace}, class: logs1, rest: trace(""), grpc: log(&jobgatev1.ReadTraceRequest{})},
		{name: "trace, tail", match: []string{sandbox.RouteTrace}, class: logs1, grpc: log(tail)},
		{name: "trace, followed", match: []string{sandbox.RouteTrace}, class: follow, grpc: log(&jobgatev1.ReadTraceRequest{Follow: true})},
		{name: "trace, followed as text", match: []string{sandbox.RouteTrace}, class: follow, rest: trace("?follow=true")},
		{name: "trace, events", match: []string{sandbox.RouteTrace}, class: follow, form: "text/event-stream", rest: trace("?follow=true")},
	}
	for _, verb := range verbs {
		class := other
		if verb == "cancel" || verb == "erase" {
			class = proved
		}
		all = append(all, route{name: verb, match: []string{verb}, class: class, verb: verb, rest: post(verb), grpc: func(ctx context.Context, g *gateway, job int64) error {
			a := new(attempt)
			return (&write{verb: verb, job: job}).overGRPC(ctx, g, a)
		}})
	}
	for i := range all {
		if all[i].token == "" {
			all[i].token = sandbox.TokenMaintainer
		}
	}
	return all
}

// outcome is how a call ended, in words: over gRPC the code and the reason, over REST the
// status and the reason, or that the answer broke off.
func (r route) overGRPC(ctx context.Context, g *gateway, job int64) string {
	if r.verb == "" {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(r.header()), r.token)
	}
	err := r.grpc(ctx, g, job)
	if err == nil {
		return "OK"
	}
	return fmt.Sprint(status.Code(err), " ", reasonOf(err))
}

func (r route) overREST(ctx context.Context, g *gateway, job int64, query string) string {
	method, target, _ := strings.Cut(r.rest(job), " ")
	req, _ := http.NewRequestWithContext(ctx, method, g.url+target+query, http.NoBody)
	req.Header.Set(r.header(), r.token)
	if r.form != "" {
		req.Header.Set("Accept", r.form)
	}
	resp, err := g.web.Transport.RoundTrip(req) // a client would read Location
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer resp.Body.Close()
	body := new(strings.Builder)
	n, err := io.Copy(body, io.LimitReader(resp.Body, 8<<20))
	switch {
	case err != nil && errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprint(resp.StatusCode, " broken off")
	case err != nil:
		return fmt.Sprintf("%d, then %v", resp.StatusCode, err)
	case n == 8<<20:
		return fmt.Sprint(resp.StatusCode, " without end")
	}
	_, reason, own := strings.Cut(body.String(), `"reason":"`)
	if reason, _, _ = strings.Cut(reason, `"`); own && resp.StatusCode >= 400 {
		return fmt.Sprint(resp.StatusCode, " ", reason)
	}
	return fmt.Sprint(resp.StatusCode)
}

// place is one route with a GitLab and a gateway of its own.
type place struct {
	route

	box     *sandbox.Sandbox
	gateway *gateway
}

// ServeHTTP implements [http.Handler].
func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// One that hangs does not notice that its caller has left if the answer was whole and the
	// connection was used again.
	ctx, cancel := context.WithTimeout(r.Context(), patient+time.Second)
	defer cancel()
	p.box.ServeHTTP(w, r.WithContext(ctx))
}

// TestEveryFaultOnEveryRoute ends in a typed outcome, in time, on both faces.
func TestEveryFaultOnEveryRoute(t *testing.T) {
	var places []*place
	for _, r := range routes() {
		p := &place{route: r, box: sandbox.New()}
		p.gateway = start(t, "http://"+serveHTTP(t, p), setting{Config: server.Config{SpoolMemory: 1 << 20}, client: []upstream.Option{
			upstream.WithTimeout(2 * time.Second), upstream.WithIdleTimeout(600 * time.Millisecond), upstream.WithMaxBody(256 << 10),
			upstream.WithCircuit(false), upstream.WithQuota(false), upstream.WithNegativeCache(0), upstream.WithCache(0),
		}})
		places = append(places, p)
		for _, f := range r.faces() { // all that is made once
			if got := p.ask(f, sandbox.Latency); !strings.HasPrefix(got, "OK") && !strings.HasPrefix(got, "20") {
				t.Fatalf("%s over %s, undisturbed: %s", r.name, f, got)
			}
		}
	}
	idle := func() {
		for _, p := range places {
			p.gateway.api.Close()
			p.gateway.web.CloseIdleConnections()
		}
	}
	before := measure(idle, nil)
	var all sync.WaitGroup // not t.Parallel, which waits for a processor each
	for _, p := range places {
		all.Go(func() {
			for _, kind := range kinds {
				for _, f := range p.faces() {
					got, want := "", wanted(kind, p.class, f)
					for range 3 { // a busy machine may be too slow for what is wanted
						if got = p.ask(f, kind); slices.Contains(want, got) {
							break
						}
					}
					if !slices.Contains(want, got) {
						t.Errorf("%s, %s over %s: %s, want %s", kind, p.name, f, got, strings.Join(want, ", or "))
					}
				}
			}
		})
	}
	all.Wait()
	after := measure(idle, &before)
	t.Logf("before: %v; after: %v", before, after)
	after.wantAsBefore(t, before)
	for _, p := range places {
		if s := p.gateway.api.GuardStats().Slots; s.Held != 0 || s.Waiting != 0 {
			t.Errorf("%s: %d slots are held, %d waited for", p.name, s.Held, s.Waiting)
		}
	}
}

// What callers are told, over gRPC and over REST, by docs/errors.md.
var (
	fine      = [2]string{"OK", "200, or 201"}
	down      = [2]string{"Unavailable UPSTREAM_UNAVAILABLE", "502 UPSTREAM_UNAVAILABLE, or 504 UPSTREAM_UNAVAILABLE"} // if its time is over before its tries
	slow      = [2]string{"Unavailable UPSTREAM_UNAVAILABLE", "504 UPSTREAM_UNAVAILABLE"}
	cut       = [2]string{"Unavailable UPSTREAM_UNAVAILABLE", "200 broken off"}
	lostWrite = [2]string{"Unknown WRITE_OUTCOME_UNKNOWN", "502 WRITE_OUTCOME_UNKNOWN"}
	slowWrite = [2]string{"Unknown WRITE_OUTCOME_UNKNOWN", "504 WRITE_OUTCOME_UNKNOWN"}
	malformed = [2]string{"Internal UPSTREAM_MALFORMED", "502 UPSTREAM_MALFORMED"}
	asIs      = [2]string{"Internal UPSTREAM_MALFORMED", "200, or 201"} // REST has it as GitLab said it
	writeAsIs = [2]string{"Unknown WRITE_OUTCOME_UNKNOWN", "200, or 201"}
	tooLarge  = [2]string{"ResourceExhausted UPSTREAM_TOO_LARGE", "502 UPSTREAM_TOO_LARGE"}
	limited   = [2]string{"ResourceExhausted UPSTREAM_LIMITED", "429"}
	broken    = [2]string{"Internal UPSTREAM_FAILED", "500"}
	moved     = [2]string{"Internal UPSTREAM_REDIRECTED", "302"}
	goesOn    = [2]string{"DeadlineExceeded DEADLINE_EXCEEDED, or DeadlineExceeded ", "200 without end"}              // for as long as its caller likes
	anyhow    = [2]string{"OK, or Unavailable UPSTREAM_UNAVAILABLE, or Internal UPSTREAM_MALFORMED, or " + goesOn[0], // a follower asks again and again
		"200, or 502 UPSTREAM_UNAVAILABLE, or 504 UPSTREAM_UNAVAILABLE, or 502 UPSTREAM_MALFORMED, or 200 broken off, or 200, then context deadline exceeded"}
)

// wants are the outcomes by kind, of each class; of those that are not named, the first.
var wants = map[sandbox.FaultKind]map[class][2]string{
	sandbox.HangBeforeHeader: {"": slow, other: slowWrite, proved: fine},
	sandbox.HangAfterHeader:  {"": slow, other: slowWrite, proved: fine, logs1: cut, follow: anyhow},
	sandbox.StatusFault:      {"": broken},
	sandbox.TooManyJSON:      {"": limited},
	sandbox.TooManyText:      {"": limited},
	sandbox.TooManyHTML:      {"": limited},
	sandbox.Redirect:         {"": moved},
	sandbox.ResetBeforeReply: {"": down, other: lostWrite, proved: fine, follow: anyhow},
	sandbox.ResetMidBody:     {"": down, other: lostWrite, proved: fine, logs1: cut, follow: anyhow},
	sandbox.ShortBody:        {"": down, other: lostWrite, proved: fine, logs1: cut, follow: anyhow},
	sandbox.EndlessBody:      {"": tooLarge, other: lostWrite, proved: fine, logs1: goesOn, follow: anyhow},
	sandbox.GzipBomb:         {"": tooLarge, other: lostWrite, proved: fine, logs1: fine, follow: anyhow}, // a log may have any size
	sandbox.WrongContentType: {"": asIs, other: writeAsIs, proved: fine, logs1: malformed, follow: anyhow},
	sandbox.CutJSON:          {"": malformed, other: lostWrite, proved: fine, logs1: fine, follow: anyhow},
	sandbox.WrongShape:       {"": asIs, other: writeAsIs, proved: fine, logs1: fine, follow: anyhow},
}

// wanted are the outcomes that are right.
func wanted(kind sandbox.FaultKind, c class, f face) []string {
	want, ok := wants[kind][c]
	if !ok {
		want, ok = wants[kind][""]
	}
	if !ok {
		want = fine
	}
	if f == overGRPC {
		return strings.Split(want[0], ", or ")
	}
	return strings.Split(want[1], ", or ")
}

func (r route) faces() (all []face) {
	if r.grpc != nil {
		all = append(all, overGRPC)
	}
	if r.rest != nil {
		all = append(all, overREST)
		if r.class != follow {
			all = append(all, asItComes)
		}
	}
	return all
}

// patient is how long a caller waits.
const patient = 9 * time.Second

var busy sync.Mutex

// ask makes a call while a fault lasts, and says how it ended.
func (p *place) ask(f face, kind sandbox.FaultKind) (outcome string) {
	var job int64
	if p.verb != "" {
		job = newWrite(p.box, p.verb).job
	} else { // so that nobody knows anything of its log
		job = p.box.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "success"}}, Log: bytes.Repeat([]byte("a line of a log\n"), 100)})
	}
	for _, name := range p.match {
		p.box.Fail(sandbox.Match{Route: name}, sandbox.Fault{Kind: kind, Size: 1 << 20, Delay: delayOf(kind)})
	}
	defer p.box.ClearFaults()
	if kind == sandbox.EndlessBody || kind == sandbox.GzipBomb { // these take a processor each
		busy.Lock()
		defer busy.Unlock()
	}
	most := patient
	if p.class == follow || kind == sandbox.EndlessBody && p.class == logs1 { // for whom it may go on
		most /= 3
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	begun := time.Now()
	switch f {
	case overGRPC:
		outcome = p.overGRPC(ctx, p.gateway, job)
	case overREST:
		outcome = p.overREST(ctx, p.gateway, job, "")
	default:
		outcome = p.overREST(ctx, p.gateway, job, "?purpose=none")
	}
	if took := time.Since(begun); took > most+1500*time.Millisecond {
		outcome += " late, after " + took.String()
	}
	return outcome
}

func delayOf(kind sandbox.FaultKind) sandbox.Duration {
	if kind == sandbox.Latency {
		return sandbox.Duration(10 * time.Millisecond)
	}
	return 0
}

// usage is what a process has.
type usage struct {
	goroutines, files int
	heap              int64 // bytes
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %.1f MiB", u.goroutines, u.files, float64(u.heap)/(1<<20))
}

// measure measures once idle has closed what is not in use and nothing more goes away; and,
// given what was before, until it is so again, or some seconds have passed.
func measure(idle func(), before *usage) (u usage) {
	for looks, same := 0, 0; looks < 500 && same < 20; looks++ {
		idle()
		now := look()
		if before != nil && now.goroutines <= before.goroutines && now.files <= before.files {
			u = now
			break
		}
		same++
		if now != u || before != nil {
			u, same = now, 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.heap = int64(m.HeapAlloc)
	return u
}

// look counts goroutines and files.
func look() usage {
	files, _ := os.ReadDir("/proc/self/fd")
	return usage{goroutines: runtime.NumGoroutine(), files: len(files)}
}

// room is how much more memory may be held: by caches and pools, each of which is bounded.
const room = 8 << 20

func (u usage) wantAsBefore(t *testing.T, before usage) {
	t.Helper()
	if u.goroutines > before.goroutines || u.files > before.files || u.heap > before.heap+room {
		stacks := make([]byte, 1<<20)
		t.Errorf("left behind: %v, before %v\n%s", u, before, telling(string(stacks[:runtime.Stack(stacks, true)])))
	}
}

// telling are the stacks that begin in a call.
func telling(stacks string) string {
	var out []string
	for stack := range strings.SplitSeq(stacks, "\n\n") {
		if strings.Contains(stack, "sandbox.") || strings.Contains(stack, "/rest.") || strings.Contains(stack, "server/live.") || strings.Contains(stack, "persistConn") || strings.Contains(stack, "backgroundRead") {
			out = append(out, stack)
		}
	}
	return strings.Join(out[:min(len(out), 12)], "\n\n")
}
