package follow_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

var unavailable = status.Error(codes.Unavailable, "gone")

// detailed is a status with details, as the gateway gives it.
func detailed(code codes.Code, reason string, wait time.Duration) error {
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: reason, Domain: "jobgate"})}
	if wait != 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}))
	}
	s, err := status.New(code, "no").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return s.Err()
}

// fails answers the first calls in that way, and the next one with an empty log.
func fails(times int, err error) *gateway {
	return &gateway{answer: func(call int, _ *jobgatev1.ReadTraceRequest, s eventStream) error {
		if call < times {
			return err
		}
		return s.Send(end(0, ""))
	}}
}

func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err   error
		again bool
	}{
		"UNAVAILABLE":                         {unavailable, true},
		"UNAVAILABLE, SHUTTING_DOWN":          {detailed(codes.Unavailable, "SHUTTING_DOWN", 0), true},
		"a stream without its end":            {nil, true},
		"a reset stream":                      {status.Error(codes.Internal, "stream terminated by RST_STREAM with error code: INTERNAL_ERROR"), true},
		"a reset stream, CANCEL":              {status.Error(codes.Canceled, "stream terminated by RST_STREAM with error code: CANCEL"), true},
		"a reset stream, INADEQUATE_SECURITY": {status.Error(codes.PermissionDenied, "stream terminated by RST_STREAM with error code: INADEQUATE_SECURITY"), false},
		"a stream without trailers":           {status.Error(codes.Internal, "server closed the stream without sending trailers"), true},
		"INTERNAL":                            {detailed(codes.Internal, "GATEWAY_FAILED", 0), false},
		"INTERNAL in gRPC's words":            {status.Error(codes.Internal, "grpc: failed to unmarshal the received message"), false},
		"INVALID_ARGUMENT":                    {status.Error(codes.InvalidArgument, "cursor"), false},
		"NOT_FOUND":                           {status.Error(codes.NotFound, "no"), false},
		"PERMISSION_DENIED":                   {status.Error(codes.PermissionDenied, "no"), false},
		"UNAUTHENTICATED":                     {status.Error(codes.Unauthenticated, "no"), false},
		"UNIMPLEMENTED":                       {status.Error(codes.Unimplemented, "no"), false},
		"RESOURCE_EXHAUSTED, for a while":     {detailed(codes.ResourceExhausted, "UPSTREAM_LIMITED", time.Second), true},
		"RESOURCE_EXHAUSTED":                  {detailed(codes.ResourceExhausted, "TOO_MANY_STREAMS", 0), false},
		"CANCELLED":                           {detailed(codes.Canceled, "CALL_CANCELED", 0), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var heard []error
				g := fails(1, tt.err)
				_, _, err := read(t, g, request(), follow.OnRetry(func(r follow.Retry) error { heard = append(heard, r.Err); return nil }))
				if tt.again {
					if err != nil || len(heard) != 1 || tt.err != nil && !same(heard[0], tt.err) {
						t.Errorf("%v, heard %v", err, heard)
					}
				} else if !same(err, tt.err) || len(heard) != 0 {
					t.Errorf("%v, heard %v", err, heard)
				}
			})
		})
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	tests := map[string]struct {
		err   error
		opts  []follow.Option
		waits []time.Duration // at most; at least half of what is not asked for
		asked time.Duration
	}{
		"by default": {
			err: unavailable,
			waits: []time.Duration{
				100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30 * time.Second, 30 * time.Second,
			},
		},
		"as set":            {unavailable, []follow.Option{follow.Backoff(2*time.Second, 3*time.Second)}, []time.Duration{2 * time.Second, 3 * time.Second, 3 * time.Second}, 0},
		"first beyond last": {unavailable, []follow.Option{follow.Backoff(time.Minute, time.Second)}, []time.Duration{time.Second, time.Second}, 0},
		"none":              {unavailable, []follow.Option{follow.Backoff(-1, 0)}, []time.Duration{0, 0, 0}, 0},
		"as the gateway asks": {
			detailed(codes.Unavailable, "UPSTREAM_UNAVAILABLE", time.Minute), nil,
			[]time.Duration{100 * ms, 200 * ms, 400 * ms},
			time.Minute,
		},
		"as no gateway should ask": {
			detailed(codes.Unavailable, "UPSTREAM_UNAVAILABLE", -time.Minute), nil, []time.Duration{100 * ms}, 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got []follow.Retry
				opts := slices.Concat(tt.opts, []follow.Option{follow.OnRetry(func(r follow.Retry) error { got = append(got, r); return nil })})
				begin, sum := time.Now(), time.Duration(0)
				if _, _, err := read(t, fails(len(tt.waits), tt.err), request(), opts...); err != nil {
					t.Fatal(err)
				}
				if len(got) != len(tt.waits) {
					t.Fatalf("%d waits, want %d", len(got), len(tt.waits))
				}
				for i, most := range tt.waits {
					sum += got[i].Wait
					if jitter := got[i].Wait - tt.asked; jitter > most || jitter < most/2 || got[i].Tries != i+1 {
						t.Errorf("wait %d is %+v, want at most %v", i, got[i], most)
					}
				}
				if time.Since(begin) != sum {
					t.Errorf("waited for %v, told %v", time.Since(begin), sum)
				}
			})
		})
	}
}

func TestWhatSetsBackTheWait(t *testing.T) {
	t.Parallel()
	send := func(event *jobgatev1.ReadTraceResponse) func(eventStream) error {
		return func(s eventStream) error { return errors.Join(s.Send(events(event)[0]), unavailable) }
	}
	tests := map[string]struct {
		third func(eventStream) error // after two calls that failed
		want  []int                   // tries that are told
	}{
		"bytes":                               {send(chunk(0, "a")), []int{1, 2, 1, 2}},
		"a gap":                               {send(gap(0, 1)), []int{1, 2, 1, 2}},
		"a reset":                             {send(reset(0)), []int{1, 2, 1, 2}},
		"not the heartbeat of a short stream": {send(heartbeat(0)), []int{1, 2, 3, 4}},
		"the heartbeat of a long stream": {func(s eventStream) error {
			time.Sleep(30 * time.Second)
			return send(heartbeat(0))(s)
		}, []int{1, 2, 1, 2}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var tries []int
				g := &gateway{answer: func(call int, _ *jobgatev1.ReadTraceRequest, s eventStream) error {
					switch call {
					case 2:
						return tt.third(s)
					case 4:
						return status.Error(codes.NotFound, "no more")
					}
					return unavailable
				}}
				_, _, err := read(t, g, request(), follow.OnReset(func(*jobgatev1.TraceReset) {}),
					follow.OnRetry(func(r follow.Retry) error { tries = append(tries, r.Tries); return nil }))
				if status.Code(err) != codes.NotFound || !slices.Equal(tries, tt.want) {
					t.Errorf("%v, tries %v, want %v", err, tries, tt.want)
				}
			})
		})
	}
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	still := request()
	still.Follow = false
	tests := map[string]struct {
		req  *jobgatev1.ReadTraceRequest
		opts []follow.Option
		want int // calls; 0 is all that it takes
	}{
		"followed":                     {request(), nil, 0},
		"followed, 3":                  {request(), []follow.Option{follow.Attempts(3)}, 3},
		"not followed":                 {still, nil, 8},
		"not followed, without bounds": {still, []follow.Option{follow.Attempts(0)}, 0},
		"not followed, once":           {still, []follow.Option{follow.Attempts(1)}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := fails(100, unavailable)
				_, f, err := read(t, g, tt.req, tt.opts...)
				if tt.want == 0 {
					if err != nil || len(g.asked()) != 101 {
						t.Errorf("%v after %d calls", err, len(g.asked()))
					}
					return
				}
				if !same(err, unavailable) || len(g.asked()) != tt.want {
					t.Errorf("%v after %d calls, want %d", err, len(g.asked()), tt.want)
				}
				_, _ = collect(f)
				if len(g.asked()) != 2*tt.want {
					t.Errorf("another loop brings it to %d calls", len(g.asked()))
				}
			})
		})
	}
}
