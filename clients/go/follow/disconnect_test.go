package follow_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// fault is a way in which a stream breaks.
type fault int

const (
	none fault = iota
	unavailableFault
	shuttingDown
	withoutEnd
	resetStream
	brokenConnection // of a gateway that is back a second later
	silence
	faults
)

// source is a log that a gateway serves truly, but for faults at some of its events. The
// cursor of an event is its place with a c before it.
type source struct {
	*gateway
	t      *testing.T
	random *rand.Rand
	data   []byte
	fault  func(event int, sent bool) fault // before an event is sent, and after
	event  int                              // over all calls
	turn   chan struct{}                    // held by the one call that is being served
}

func newSource(t *testing.T, random *rand.Rand, size int) *source {
	t.Helper()
	s := &source{gateway: &gateway{}, t: t, random: random, data: make([]byte, size), turn: make(chan struct{}, 1)}
	for i := range s.data {
		s.data[i] = byte(random.Uint32())
	}
	s.answer = s.serve
	return s
}

// serve is a call of ReadTrace.
func (s *source) serve(_ int, req *jobgatev1.ReadTraceRequest, stream eventStream) error {
	s.turn <- struct{}{} // a call that was hung up is about to give it back
	defer func() { <-s.turn }()
	at := s.begins(req)
	until := len(s.data)
	if limit := int(req.GetLimit()); limit > 0 {
		until = min(until, at+limit)
	}
	for {
		event := s.next(at, until)
		at += len(event.GetChunk().GetData())
		event.Cursor = fmt.Sprintf("c%d", at)
		if broken, err := s.breaks(stream, false); broken {
			return err
		}
		if err := stream.Send(event); err != nil {
			return err
		}
		broken, err := s.breaks(stream, true)
		s.event++
		if broken || event.GetEnd() != nil {
			return err
		}
	}
}

// begins is where a request begins.
func (s *source) begins(req *jobgatev1.ReadTraceRequest) int {
	switch start := req.GetStart().(type) {
	case *jobgatev1.ReadTraceRequest_Offset:
		return min(int(start.Offset), len(s.data))
	case *jobgatev1.ReadTraceRequest_TailBytes:
		return max(0, len(s.data)-int(start.TailBytes))
	case *jobgatev1.ReadTraceRequest_Cursor:
		at, err := strconv.Atoi(strings.TrimPrefix(start.Cursor, "c"))
		if err != nil {
			s.t.Errorf("cursor %q", start.Cursor)
		}
		return at
	}
	return 0
}

// next is the next event: some bytes, or none yet, or the end.
func (s *source) next(at, until int) *jobgatev1.ReadTraceResponse {
	switch {
	case at == until:
		e := end(int64(at), string(s.data[:at]))
		if until < len(s.data) {
			e.GetEnd().Reason = jobgatev1.TraceEndReason_TRACE_END_REASON_LIMIT
		}
		return e
	case s.random.IntN(3) == 0:
		time.Sleep(time.Duration(s.random.IntN(30)) * time.Second)
		return heartbeat(int64(at))
	}
	size := min(1+s.random.IntN(1+len(s.data)/4), until-at)
	return chunk(int64(at), string(s.data[at:at+size]))
}

// breaks carries out the fault of this moment, if there is one.
func (s *source) breaks(stream eventStream, sent bool) (bool, error) {
	switch s.fault(s.event, sent) {
	case unavailableFault:
		return true, unavailable
	case shuttingDown:
		return true, detailed(codes.Unavailable, "SHUTTING_DOWN", time.Second)
	case withoutEnd:
		return true, nil
	case resetStream:
		return true, status.Error(codes.Internal, "stream terminated by RST_STREAM with error code: INTERNAL_ERROR")
	case brokenConnection:
		s.restart(time.Second)
	case silence:
	default:
		return false, nil
	}
	<-stream.Context().Done()
	return true, stream.Context().Err()
}

// TestDisconnectAtEveryEvent breaks the stream once, at each of its events in turn, in
// each way.
func TestDisconnectAtEveryEvent(t *testing.T) {
	t.Parallel()
	for kind := unavailableFault; kind < faults; kind++ {
		for _, after := range []bool{false, true} {
			for at := range 6 {
				synctest.Test(t, func(t *testing.T) {
					s := newSource(t, rand.New(rand.NewPCG(7, 7)), 1000)
					done := false
					s.fault = func(event int, sent bool) fault {
						if done || event != at || sent != after {
							return none
						}
						done = true
						return kind
					}
					log, f, err := read(t, s.gateway, request(), follow.StaleAfter(time.Minute))
					if err != nil || log != string(s.data) || f.End().GetCrc64() != digest(s.data) || !done {
						t.Errorf("fault %d at event %d: %d bytes of %d, end %v, %v", kind, at, len(log), len(s.data), f.End(), err)
					}
				})
			}
		}
	}
}

// TestDisconnectAtRandom breaks the stream again and again, and reads it in all ways.
func TestDisconnectAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := newSource(t, random, random.IntN(3000))
			s.fault = func(int, bool) fault {
				if random.IntN(4) > 0 {
					return none
				}
				return fault(random.IntN(int(faults)))
			}
			req := request()
			begin := s.beginAnywhere(req)
			want := s.data[begin:]
			if limit := random.IntN(4000); random.IntN(3) == 0 && limit > 0 {
				req.Limit, want = int64(limit), want[:min(limit, len(want))]
			}
			f := follow.Log(t.Context(), s.client(t), req, follow.StaleAfter(time.Minute))
			got, err := readAnyhow(rand.New(rand.NewPCG(seed, 2)), f)
			if err != nil || !bytes.Equal(got, want) || f.End().GetSize() != int64(begin+len(want)) {
				t.Errorf("seed %d: %d bytes of %d (%v), end %v, %v, after %d calls",
					seed, len(got), len(want), bytes.Equal(got, want), f.End(), err, len(s.asked()))
			}
			if f.Offset() != int64(begin+len(want)) || f.Cursor() != "" && f.Cursor() != fmt.Sprintf("c%d", f.Offset()) {
				t.Errorf("seed %d: at %d, cursor %s, want %d", seed, f.Offset(), f.Cursor(), begin+len(want))
			}
		})
	}
}

// beginAnywhere gives the request a start, and returns the place.
func (s *source) beginAnywhere(req *jobgatev1.ReadTraceRequest) int {
	at := s.random.IntN(len(s.data) + 1)
	switch s.random.IntN(4) {
	case 0:
		return 0
	case 1:
		req.Start = &jobgatev1.ReadTraceRequest_Offset{Offset: int64(at)}
	case 2:
		req.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: fmt.Sprintf("c%d", at)}
	case 3:
		at = min(at, len(s.data)-1)
		if at < 0 {
			return 0
		}
		req.Start = &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: int64(len(s.data) - at)}
	}
	return at
}

// readAnyhow reads a log to its end by one of its ways after another.
func readAnyhow(random *rand.Rand, f *follow.Follower) ([]byte, error) {
	var got []byte
	for f.End() == nil {
		switch random.IntN(3) {
		case 0:
			for data, err := range f.Bytes() {
				if err != nil {
					return got, err
				}
				got = append(got, data...)
				if random.IntN(4) == 0 {
					break
				}
			}
		case 1:
			buf := make([]byte, 1+random.IntN(500))
			n, err := f.Read(buf)
			if got = append(got, buf[:n]...); err != nil && err != io.EOF {
				return got, err
			}
		case 2:
			w := &halfWriter{room: random.IntN(1000)}
			_, err := f.WriteTo(w)
			if got = append(got, w.String()...); err != nil && err != errFull {
				return got, err
			}
		}
	}
	rest, err := io.ReadAll(f)
	return slices.Concat(got, rest), err
}
