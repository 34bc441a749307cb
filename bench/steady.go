package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/bench/payload"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// steadyCredentials is how many credentials make the calls of a bad day, slowCredentials how
// many the slow ones: enough to take all the room that calls of one kind may have.
const steadyCredentials, slowCredentials = 5, 100

// called is what came of one call.
type called struct {
	at, took time.Duration // at counts from when the calls began
	code     codes.Code
	err      error
}

// steady makes calls at a fixed rate, whatever becomes of those before: callers do not
// wait for each other.
type steady struct {
	begun time.Time
	calls sync.WaitGroup
	end   chan struct{}
	ended chan struct{}

	mu  sync.Mutex
	all []called
}

// steadily begins to make calls, so many a second, until it is stopped.
func steadily(rate int, one func(k int) error) *steady {
	s := &steady{begun: time.Now(), end: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		for k := 0; ; k++ {
			timer := time.NewTimer(time.Until(s.begun.Add(time.Duration(k) * time.Second / time.Duration(rate))))
			select {
			case <-timer.C:
			case <-s.end:
				timer.Stop()
				return
			}
			s.calls.Go(func() { s.call(one, k) })
		}
	}()
	return s
}

// call makes one call and notes what came of it.
func (s *steady) call(one func(k int) error, k int) {
	begun := time.Now()
	err := one(k)
	c := called{at: begun.Sub(s.begun), took: time.Since(begun), code: status.Code(err), err: err}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, c)
}

// now is the time since the calls began.
func (s *steady) now() time.Duration { return time.Since(s.begun) }

// stop begins no more calls, waits for those under way, and returns them all, in the order
// in which they began.
func (s *steady) stop() []called {
	close(s.end)
	<-s.ended
	s.calls.Wait()
	slices.SortFunc(s.all, func(a, b called) int { return int(a.at - b.at) })
	return s.all
}

// between are the calls that began in some time.
func between(all []called, from, to time.Duration) []called {
	first, _ := slices.BinarySearchFunc(all, from, func(c called, at time.Duration) int { return int(c.at - at) })
	last, _ := slices.BinarySearchFunc(all, to, func(c called, at time.Duration) int { return int(c.at - at) })
	return all[first:max(first, last)]
}

// times are how long calls took, shortest first.
func times(all []called) []time.Duration {
	took := make([]time.Duration, len(all))
	for i, c := range all {
		took[i] = c.took
	}
	slices.Sort(took)
	return took
}

// quantile is what that share of the sorted times does not exceed, 0 of none.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// askOnce makes one call about something that nobody else asks for, with one of some
// credentials, and ignores what the answer says.
func askOnce(ctx context.Context, p *peer, k, credentials int, within time.Duration, method string, request proto.Message) error {
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "private-token", callerToken(k%credentials)), within)
	defer cancel()
	data, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	return p.conns[k%len(p.conns)].Invoke(ctx, method, &frame{data: data}, new(frame))
}

// askJob asks for the k-th job.
func askJob(ctx context.Context, p *peer, k int, within time.Duration) error {
	return askOnce(ctx, p, k, steadyCredentials, within, jobgatev1.JobService_GetJob_FullMethodName, &jobgatev1.GetJobRequest{
		Project: strconv.FormatInt(payload.Variants[0].Project, 10), JobId: payload.FirstJob + int64(k),
	})
}

// askBridges asks for the trigger jobs of the k-th pipeline.
func askBridges(ctx context.Context, p *peer, k int, within time.Duration) error {
	return askOnce(ctx, p, k, slowCredentials, within, jobgatev1.BridgeService_ListPipelineBridges_FullMethodName, &jobgatev1.ListPipelineBridgesRequest{
		Project: strconv.FormatInt(payload.Variants[0].Project, 10), PipelineId: int64(k) + 1,
	})
}

// failures are how many calls were not answered with success, and one of their errors.
func failures(all []called) (n int, one error) {
	for _, c := range all {
		if c.code != codes.OK {
			n++
			one = fmt.Errorf("after %v: %w", c.at.Round(time.Millisecond), c.err)
		}
	}
	return n, one
}
