package follow_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// request asks for the log of the one job there is.
func request() *jobgatev1.ReadTraceRequest {
	return &jobgatev1.ReadTraceRequest{Project: "a/b", JobId: 7, Follow: true}
}

// collect reads to the end.
func collect(f *follow.Follower) (string, error) {
	var log strings.Builder
	for data, err := range f.Bytes() {
		if err != nil {
			return log.String(), err
		}
		log.Write(data)
	}
	return log.String(), nil
}

// read is collect of a new log.
func read(t *testing.T, g *gateway, req *jobgatev1.ReadTraceRequest, opts ...follow.Option) (string, *follow.Follower, error) {
	t.Helper()
	f := follow.Log(t.Context(), g.client(t), req, opts...)
	log, err := collect(f)
	return log, f, err
}

func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := plays(events(heartbeat(0), chunk(0, "ab"), &jobgatev1.ReadTraceResponse{}, chunk(2, "c"), end(3, "abc")))
		beats := 0
		f := follow.Log(t.Context(), g.client(t), request(), follow.OnHeartbeat(func(*jobgatev1.TraceHeartbeat) { beats++ }))
		type told struct {
			Data, Cursor string
			Offset       int64
			Ended        bool
		}
		got := []told{{Cursor: f.Cursor(), Offset: f.Offset()}}
		for data, err := range f.Bytes() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, told{string(data), f.Cursor(), f.Offset(), f.End() != nil})
		}
		got = append(got, told{"", f.Cursor(), f.Offset(), f.End() != nil})
		want := []told{{"", "", 0, false}, {"ab", "b", 2, false}, {"c", "d", 3, false}, {"", "e", 3, true}}
		if diff := cmp.Diff(want, got); diff != "" || beats != 1 {
			t.Errorf("%d heartbeats; -want +got\n%s", beats, diff)
		}
		if f.End().GetJobStatus() != jobgatev1.JobStatus_JOB_STATUS_SUCCESS {
			t.Errorf("end %v", f.End())
		}
		if log, err := collect(f); log != "" || err != nil || len(g.asked()) != 1 {
			t.Errorf("after its end the log is %q, %v", log, err)
		}
	})
}

func TestRequestIsCopiedAndMetadataGoesAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var token []string
		var header metadata.MD
		g := &gateway{answer: func(_ int, _ *jobgatev1.ReadTraceRequest, stream eventStream) error {
			md, _ := metadata.FromIncomingContext(stream.Context())
			token = md.Get("private-token")
			return errors.Join(stream.SetHeader(metadata.Pairs("x-request-id", "r")), stream.Send(end(0, "")))
		}}
		req := request()
		want := proto.CloneOf(req)
		f := follow.Log(metadata.AppendToOutgoingContext(t.Context(), "private-token", "x"), g.client(t), req,
			follow.CallOptions(grpc.Header(&header)))
		req.JobId = 8
		if _, err := collect(f); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(g.asked()[0], want) || len(token) != 1 || len(header.Get("x-request-id")) != 1 {
			t.Errorf("asked for %v with %d tokens, header %v", g.asked()[0], len(token), header)
		}
	})
}

func TestLoopLeftAndTakenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := plays(events(chunk(0, "ab"), chunk(2, "cd")), events(chunk(2, "cd"), end(4, "abcd")))
		f := follow.Log(t.Context(), g.client(t), request())
		for data := range f.Bytes() {
			if string(data) != "ab" {
				t.Errorf("first %q", data)
			}
			break
		}
		if log, err := collect(f); log != "cd" || err != nil || g.asked()[1].GetCursor() != "a" {
			t.Errorf("then %q, %v, asked %v", log, err, g.asked()[1])
		}
	})
}

func TestReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := plays(events(chunk(0, "one\ntw"), chunk(6, "o\n"), end(8, "one\ntwo\n")))
		f := follow.Log(t.Context(), g.client(t), request())
		small := make([]byte, 4)
		if n, err := io.ReadFull(f, small); n != 4 || err != nil || f.Cursor() != "" {
			t.Errorf("%q, %v, cursor %q of a chunk that is not read whole", small, err, f.Cursor())
		}
		if n, err := f.Read(nil); n != 0 || err != nil {
			t.Errorf("into nothing: %d, %v", n, err)
		}
		lines := bufio.NewScanner(f)
		if !lines.Scan() || lines.Text() != "two" || lines.Scan() || lines.Err() != nil {
			t.Errorf("line %q, %v", lines.Text(), lines.Err())
		}
		if f.Cursor() != "c" || f.End() == nil || f.Close() != nil {
			t.Errorf("cursor %q, end %v", f.Cursor(), f.End())
		}
	})
}

// halfWriter takes that many bytes and then fails, once.
type halfWriter struct {
	strings.Builder
	room int
}

var errFull = errors.New("full")

func (w *halfWriter) Write(p []byte) (int, error) {
	if w.room >= 0 && len(p) > w.room {
		n, _ := w.Builder.Write(p[:w.room])
		w.room = -1
		return n, errFull
	}
	return w.Builder.Write(p)
}

func TestWriteTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := plays(events(chunk(0, "ab"), chunk(2, "cd")), events(end(4, "abcd")))
		f := follow.Log(t.Context(), g.client(t), request())
		w := &halfWriter{room: 1}
		if n, err := f.WriteTo(w); n != 1 || err != errFull || f.Cursor() != "" {
			t.Errorf("%d, %v, cursor %q", n, err, f.Cursor())
		}
		w.room = -1
		g.answer = plays(events(chunk(2, "cd"), end(4, "abcd"))).answer
		if n, err := io.Copy(w, f); n != 3 || err != nil || w.String() != "abcd" || f.Cursor() != "b" {
			t.Errorf("%d, %v, %q, cursor %q", n, err, w, f.Cursor())
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	cause := errors.New("the user went home")
	tests := map[string]struct {
		answer func(int, *jobgatev1.ReadTraceRequest, eventStream) error
	}{
		"while nothing comes": {func(_ int, _ *jobgatev1.ReadTraceRequest, s eventStream) error {
			<-s.Context().Done()
			return s.Context().Err()
		}},
		"while it waits to try again": {func(int, *jobgatev1.ReadTraceRequest, eventStream) error { return unavailable }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Hour, func() { cancel(cause) })
				begin := time.Now()
				_, err := collect(follow.Log(ctx, (&gateway{answer: tt.answer}).client(t), request()))
				if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || time.Since(begin) != time.Hour {
					t.Errorf("after %v: %v", time.Since(begin), err)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := collect(follow.Log(ctx, (&gateway{answer: tt.answer}).client(t), request()))
				if err != context.DeadlineExceeded {
					t.Errorf("at the deadline: %v", err)
				}
			})
		})
	}
}

func TestEndOfTheCall(t *testing.T) {
	t.Parallel()
	for name, takes := range map[string]time.Duration{
		"the gateway ends it":                        10 * time.Millisecond,
		"a gateway that does not end is not awaited": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				canceled := make(chan error, 1)
				g := &gateway{answer: func(_ int, _ *jobgatev1.ReadTraceRequest, s eventStream) error {
					err := s.Send(end(0, ""))
					select {
					case <-time.After(takes):
					case <-s.Context().Done():
					}
					canceled <- s.Context().Err()
					return err
				}}
				begin := time.Now()
				if _, f, err := read(t, g, request()); err != nil || f.End() == nil {
					t.Fatalf("%v, end %v", err, f.End())
				}
				if want := min(takes, time.Second); time.Since(begin) != want {
					t.Errorf("took %v, want %v", time.Since(begin), want)
				}
				if err := <-canceled; (err != nil) != (takes > time.Second) {
					t.Errorf("the gateway saw %v", err)
				}
			})
		})
	}
}
