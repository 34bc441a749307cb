package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	writesRow = "bad/writes"
	// writesN is how many writes each writer makes in a round.
	writesN, quickWrites = 2000, 400
	// arriveTime is how long requests that were cut off may take to be done.
	arriveTime = 500 * time.Millisecond
)

// claim is what a writer is told of a write.
type claim int

const (
	saidDone claim = iota
	saidUnknown
	saidFailed
	saidRefused // failed, since GitLab has refused it (4xx)
)

// writer makes writes by one way, each once, and says what it was told.
type writer struct {
	name  string
	write func(ctx context.Context, one written) claim
}

// writeSample is what came of one round of a writer's, as numbers of writes.
type writeSample struct {
	writes, unsent       int // unsent: the writer held them back
	struck               int
	done                 int // at least once
	arrivedTwice, twice  int
	failedDone, doneNot  int // claims that are not so
	refusedDone          int // of failedDone, those of a refusal
	unknown, unknownDone int
}

// runWrites has all writers write through the same faults, in turns.
func (b *bench) runWrites(ctx context.Context) error {
	defer b.stopPeers()
	b.stopPeers()
	faults, err := b.startControlled(ctx, faultsName, faultsRecord)
	if err != nil {
		return err
	}
	gateway, err := startGateway(ctx, b.binary, b.dir, "http://"+faults.addr)
	if err != nil {
		return err
	}
	b.peers = append(b.peers, gateway)
	writers, err := newWriters(gateway, "http://"+faults.addr)
	if err != nil {
		return err
	}
	samples := make([][]writeSample, len(writers))
	for round := range b.rounds {
		for k := range writers {
			i := (k + round) % len(writers)
			s, err := b.measureWrites(ctx, faults, writers[i], round+1)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", writesRow, writers[i].name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	b.printWrites(os.Stdout, writers, samples)
	return nil
}

// newWriters are the gateway and client-go as it is by default, and as it is told to be
// careful.
func newWriters(gateway *peer, faults string) ([]writer, error) {
	if err := gateway.dial(); err != nil {
		return nil, err
	}
	writers := []writer{{gatewayName, gateway.write}}
	for _, kind := range []struct {
		name string
		opts []gitlab.ClientOptionFunc
	}{
		{"client-go", nil},
		{"client-go, WithOnlyIdempotentRetries", []gitlab.ClientOptionFunc{gitlab.WithOnlyIdempotentRetries()}},
	} {
		client, err := gitlab.NewClient(sandbox.TokenMaintainer, append(kind.opts, gitlab.WithBaseURL(faults))...)
		if err != nil {
			return nil, err
		}
		writers = append(writers, writer{kind.name, func(ctx context.Context, one written) claim {
			return writeByClientGo(ctx, client, one)
		}})
	}
	return writers, nil
}

// write makes a write through the gateway.
func (p *peer) write(ctx context.Context, one written) claim {
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "private-token", sandbox.TokenMaintainer), callTimeout)
	defer cancel()
	method, request := jobgatev1.JobService_PlayJob_FullMethodName, proto.Message(&jobgatev1.PlayJobRequest{Project: "1", JobId: one.Job})
	switch one.Verb {
	case "retry":
		method, request = jobgatev1.JobService_RetryJob_FullMethodName, &jobgatev1.RetryJobRequest{Project: "1", JobId: one.Job}
	case "cancel":
		method, request = jobgatev1.JobService_CancelJob_FullMethodName, &jobgatev1.CancelJobRequest{Project: "1", JobId: one.Job}
	case "erase":
		method, request = jobgatev1.JobService_EraseJob_FullMethodName, &jobgatev1.EraseJobRequest{Project: "1", JobId: one.Job}
	}
	data, err := proto.Marshal(request)
	if err == nil {
		err = p.conns[int(one.Job)%len(p.conns)].Invoke(ctx, method, &frame{data: data}, new(frame))
	}
	switch status.Code(err) {
	case codes.OK:
		return saidDone
	case codes.Unknown:
		return saidUnknown
	case codes.PermissionDenied, codes.FailedPrecondition, codes.InvalidArgument, codes.NotFound, codes.Aborted:
		return saidRefused
	}
	return saidFailed
}

// writeByClientGo makes a write by client-go, which knows two outcomes.
func writeByClientGo(ctx context.Context, client *gitlab.Client, one written) claim {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var err error
	switch with := gitlab.WithContext(ctx); one.Verb {
	case "play":
		_, _, err = client.Jobs.PlayJob(1, one.Job, nil, with)
	case "retry":
		_, _, err = client.Jobs.RetryJob(1, one.Job, with)
	case "cancel":
		_, _, err = client.Jobs.CancelJob(1, one.Job, with)
	case "erase":
		_, _, err = client.Jobs.EraseJob(1, one.Job, with)
	}
	var answered *gitlab.ErrorResponse
	switch {
	case err == nil:
		return saidDone
	case errors.As(err, &answered) && answered.Response != nil && answered.Response.StatusCode/100 == 4:
		return saidRefused
	}
	return saidFailed
}

// measureWrites makes one writer's writes of a round and holds what it was told against
// GitLab's record.
func (b *bench) measureWrites(ctx context.Context, faults *peer, w writer, seed int) (s writeSample, err error) {
	round, err := faults.written(ctx, fmt.Sprintf("%s?n=%d&seed=%d", faultsJobs, b.writes, seed))
	if err != nil {
		return s, err
	}
	claims := make([]claim, len(round))
	work := make(chan int)
	var callers sync.WaitGroup
	for range b.callers {
		callers.Go(func() {
			for i := range work {
				claims[i] = w.write(ctx, round[i])
			}
		})
	}
	for i := range round {
		work <- i
	}
	close(work)
	callers.Wait()
	if err := rest(ctx, arriveTime); err != nil {
		return s, err
	}
	if round, err = faults.written(ctx, faultsRecord); err != nil {
		return s, err
	}
	return judgeWrites(round, claims), nil
}

// written asks for the jobs of a round.
func (p *peer) written(ctx context.Context, path string) (round []written, err error) {
	resp, err := httpGet(ctx, p.control+path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return round, json.NewDecoder(resp.Body).Decode(&round)
}

// judgeWrites counts what was done, and what was claimed of it.
func judgeWrites(round []written, claims []claim) (s writeSample) {
	count := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	for i, one := range round {
		done := one.Done > 0
		s.writes++
		count(&s.unsent, one.Tries == 0)
		count(&s.struck, one.Struck != whole && one.Struck != "")
		count(&s.done, done)
		count(&s.twice, one.Done > 1)
		count(&s.arrivedTwice, one.Arrived > 1)
		count(&s.failedDone, (claims[i] == saidFailed || claims[i] == saidRefused) && done)
		count(&s.refusedDone, claims[i] == saidRefused && done)
		count(&s.doneNot, claims[i] == saidDone && !done)
		count(&s.unknown, claims[i] == saidUnknown)
		count(&s.unknownDone, claims[i] == saidUnknown && done)
	}
	return s
}
