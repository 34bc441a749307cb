package main

import (
	"bufio"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// faultyTest is GitLab behind a proxy that does what it is told.
func faultyTest(t *testing.T, plan func(method, target string) fault) (g *faultyGitLab, url string) {
	t.Helper()
	g = newFaultyGitLab()
	behind := httptest.NewServer(g)
	t.Cleanup(behind.Close)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lis.Close() })
	if plan == nil {
		plan = g.plan
	}
	go func() { _ = (&faultProxy{to: behind.Listener.Addr().String(), plan: plan}).serve(lis) }()
	return g, "http://" + lis.Addr().String()
}

// makeJobs makes the jobs of a round.
func makeJobs(t *testing.T, g *faultyGitLab, query string) (round []written) {
	t.Helper()
	w := httptest.NewRecorder()
	g.jobs(w, httptest.NewRequest(http.MethodGet, faultsJobs+"?"+query, http.NoBody))
	if err := json.NewDecoder(w.Body).Decode(&round); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return round
}

// TestFaults meets each fault, at its edges, with each write of client-go's without retries.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault         fault
		done          bool
		claim         claim
		claimOfRepeat claim // the same once more, with nothing in its way
	}{
		"whole":                {fault{how: whole}, true, saidDone, saidRefused},
		"nothing of a request": {fault{how: cutRequest, share: 0}, false, saidFailed, saidDone},
		"half a request":       {fault{how: cutRequest, share: 0.5, reset: true}, false, saidFailed, saidDone},
		"all of a request":     {fault{how: cutRequest, share: 1}, true, saidFailed, saidRefused},
		"nothing of an answer": {fault{how: cutAnswer, share: 0}, true, saidFailed, saidRefused},
		"half an answer":       {fault{how: cutAnswer, share: 0.9}, true, saidFailed, saidRefused},
		"502":                  {fault{how: lost502}, false, saidFailed, saidDone},
		"502 for a success":    {fault{how: done502}, true, saidFailed, saidRefused},
	} {
		t.Run(name, func(t *testing.T) {
			var struck atomic.Pointer[fault]
			g, url := faultyTest(t, func(string, string) fault { return *struck.Load() })
			client, err := gitlab.NewClient(sandbox.TokenMaintainer, gitlab.WithBaseURL(url), gitlab.WithoutRetries())
			if err != nil {
				t.Fatal(err)
			}
			round := makeJobs(t, g, "n=4&seed=1")
			for i, one := range round {
				struck.Store(&c.fault)
				if got := writeByClientGo(t.Context(), client, one); got != c.claim {
					t.Errorf("%s: claimed %v, want %v", one.Verb, got, c.claim)
				}
				done, arrived := g.came(i)
				for begun := time.Now(); c.done && done == 0 && time.Since(begun) < 10*time.Second; {
					time.Sleep(time.Millisecond) // the client was cut off before
					done, arrived = g.came(i)
				}
				if (done == 1) != c.done || done != arrived {
					t.Errorf("%s: arrived %d times, done %d times", one.Verb, arrived, done)
				}
				struck.Store(&fault{how: whole})
				want := c.claimOfRepeat
				if one.Verb == "cancel" { // may be repeated
					want = saidDone
				}
				if got := writeByClientGo(t.Context(), client, one); got != want {
					t.Errorf("%s again: claimed %v, want %v", one.Verb, got, want)
				}
			}
		})
	}
}

// came is how often the i-th write of the round was done, and arrived.
func (g *faultyGitLab) came(i int) (done, arrived int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.round[i].Done, g.round[i].Arrived
}

// TestFaultsAreEqual draws the same faults for equal seeds, and often enough.
func TestFaultsAreEqual(t *testing.T) {
	g := newFaultyGitLab()
	draw := func(seed string) (ways []way) {
		for _, one := range makeJobs(t, g, "n=400&seed="+seed) {
			target := "/api/v4/projects/1/jobs/" + strconv.FormatInt(one.Job, 10) + "/" + one.Verb
			ways = append(ways, g.plan(http.MethodPost, target).how)
			g.plan(http.MethodGet, target)
		}
		return ways
	}
	first, again, other := draw("1"), draw("1"), draw("2")
	same, differ, struck := true, false, 0
	for i := range first {
		same = same && first[i] == again[i]
		differ = differ || first[i] != other[i]
		if first[i] != whole {
			struck++
		}
	}
	if !same || !differ {
		t.Errorf("equal seeds: %v, other seeds differ: %v", same, differ)
	}
	if struck < 120 || struck > 200 {
		t.Errorf("%d of 400 met a fault", struck)
	}
}

// TestFaultParts cuts messages anywhere from before the first byte to after the last.
func TestFaultParts(t *testing.T) {
	r, seen := rand.New(rand.NewPCG(1, 1)), map[int]bool{}
	for range 1000 {
		seen[len(drawFault(r, 1).part([]byte("12345")))] = true
	}
	if len(seen) != 6 {
		t.Errorf("lengths %v, want 0 to 5", seen)
	}
}

// TestReadMessage reads messages with a body and without, and none that is cut or chunked.
func TestReadMessage(t *testing.T) {
	const two = "POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n"
	in := bufio.NewReader(strings.NewReader(two))
	for _, want := range []string{two[:len(two)-len("GET /b HTTP/1.1\r\n\r\n")], "GET /b HTTP/1.1\r\n\r\n"} {
		if got, err := readMessage(in); string(got) != want || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	for _, bad := range []string{"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		if got, err := readMessage(bufio.NewReader(strings.NewReader(bad))); err == nil {
			t.Errorf("%q was read as %q", bad, got)
		}
	}
}

// TestWritesJudged counts each thing that may come of a write.
func TestWritesJudged(t *testing.T) {
	round := []written{
		{Tries: 1, Done: 1, Arrived: 1, Struck: whole},
		{Tries: 1, Struck: cutRequest},
		{Tries: 2, Done: 1, Arrived: 2, Struck: done502},
		{Tries: 2, Done: 2, Arrived: 2, Struck: done502},
		{Tries: 1, Done: 1, Arrived: 1, Struck: cutAnswer},
		{Tries: 1, Struck: cutRequest},
		{Tries: 1, Struck: lost502},
		{}, // not sent
	}
	claims := []claim{saidDone, saidFailed, saidRefused, saidDone, saidUnknown, saidUnknown, saidDone, saidFailed}
	want := writeSample{
		writes: 8, unsent: 1, struck: 6, done: 4, arrivedTwice: 2, twice: 1,
		failedDone: 1, refusedDone: 1, doneNot: 1, unknown: 2, unknownDone: 1,
	}
	if got := judgeWrites(round, claims); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// refuser is a JobService that answers each write with the code that is its job's number.
type refuser struct {
	jobgatev1.UnimplementedJobServiceServer
}

func (refuser) RetryJob(_ context.Context, req *jobgatev1.RetryJobRequest) (*jobgatev1.Job, error) {
	return new(jobgatev1.Job), status.Error(codes.Code(req.GetJobId()), "as told")
}

// TestGatewayClaims takes the gateway's codes for what they say of a write.
func TestGatewayClaims(t *testing.T) {
	p := serveTest(t, gatewayName, func(lis net.Listener, _ roleConfig) error {
		server := grpc.NewServer()
		jobgatev1.RegisterJobServiceServer(server, refuser{})
		return server.Serve(lis)
	}, roleConfig{})
	for code, want := range map[codes.Code]claim{
		codes.OK: saidDone, codes.Unknown: saidUnknown, codes.Unavailable: saidFailed, codes.ResourceExhausted: saidFailed,
		codes.Internal: saidFailed, codes.PermissionDenied: saidRefused, codes.FailedPrecondition: saidRefused,
	} {
		if got := p.write(t.Context(), written{Verb: "retry", Job: int64(code)}); got != want {
			t.Errorf("%v: claimed %v, want %v", code, got, want)
		}
	}
}
