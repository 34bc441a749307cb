package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// callTimeout bounds one call; one that meets it fails the run.
const callTimeout = 30 * time.Second

// latencies of one round.
type latencies struct{ p50, p99 time.Duration }

// workload is what callers do to a server, over gRPC or HTTP.
type workload interface {
	// caller makes a caller ready and returns how it makes the k-th call of all.
	caller(ctx context.Context, i int) (one func(k int) error)
	// close ends what the callers hold.
	close()
}

// callerToken is the credential of one caller. Each caller has its own: the
// gateway lets equal reads in flight share one upstream call, no other peer does,
// and what is compared is the cost of a call that nobody shares.
func callerToken(caller int) string { return fmt.Sprintf("glpat-bench-caller-%04d", caller) }

// callerContext carries the credential of one caller to a gRPC server.
func callerContext(ctx context.Context, caller int) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "private-token", callerToken(caller))
}

// load makes n calls with the given number of callers and waits for them all.
func load(ctx context.Context, name string, work workload, n, callers int) (latencies, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	took := make([][]time.Duration, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			one := work.caller(ctx, i)
			mine := make([]time.Duration, 0, n/callers*2)
			for {
				k := int(next.Add(1)) - 1
				if k >= n || ctx.Err() != nil {
					break
				}
				start := time.Now()
				if err := one(k); err != nil {
					cancel(fmt.Errorf("%s: %w", name, err))
					break
				}
				mine = append(mine, time.Since(start))
			}
			took[i] = mine
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return latencies{}, err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return latencies{p50: all[len(all)/2], p99: all[len(all)*99/100]}, nil
}

// grpcLoad is a call over gRPC, on the connections that the callers share.
type grpcLoad struct {
	call
	conns []*grpc.ClientConn
}

func (l *grpcLoad) caller(ctx context.Context, i int) func(k int) error {
	ctx, conn := callerContext(ctx, i), l.conns[i%len(l.conns)]
	return func(k int) error {
		return callOnce(ctx, conn, l.method, l.requests[k%len(l.requests)], nil)
	}
}

// close does nothing: the connections are the peer's.
func (*grpcLoad) close() {}

// callOnce makes one call; visit, if set, sees the bytes of the answer.
func callOnce(ctx context.Context, conn *grpc.ClientConn, method string, request []byte, visit func([]byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer := &frame{visit: visit}
	if err := conn.Invoke(ctx, method, &frame{data: request}, answer); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if answer.size == 0 {
		return errors.New("empty answer")
	}
	return nil
}
