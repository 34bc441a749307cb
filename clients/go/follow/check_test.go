package follow_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// from is a request that begins at a byte.
func from(offset int64) *jobgatev1.ReadTraceRequest {
	req := request()
	req.Start = &jobgatev1.ReadTraceRequest_Offset{Offset: offset}
	return req
}

func tail(n int64) *jobgatev1.ReadTraceRequest {
	req := request()
	req.Start = &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: n}
	return req
}

func limited(n int64) *jobgatev1.ReadTraceRequest {
	req := request()
	req.Limit = n
	return req
}

func TestSequence(t *testing.T) {
	t.Parallel()
	wrong := func(want, got int64) error { return &follow.SequenceError{Want: want, Got: got} }
	type list = []*jobgatev1.ReadTraceResponse
	tests := map[string]struct {
		req  *jobgatev1.ReadTraceRequest
		list list
		want string
		err  error
	}{
		"a log without bytes":               {request(), events(end(0, "")), "", nil},
		"a hole":                            {request(), events(chunk(0, "ab"), chunk(3, "d")), "ab", wrong(2, 3)},
		"a hole at the start":               {request(), events(chunk(1, "b")), "", wrong(0, 1)},
		"a hole at the end":                 {request(), events(chunk(0, "ab"), end(3)), "ab", wrong(2, 3)},
		"a chunk twice":                     {request(), events(chunk(0, "ab"), chunk(0, "ab")), "ab", wrong(2, 0)},
		"a part of a chunk twice":           {request(), events(chunk(0, "ab"), chunk(1, "bc")), "ab", wrong(2, 1)},
		"from an offset":                    {from(5), events(chunk(5, "ab"), end(7)), "ab", nil},
		"from an offset beyond the end":     {from(5), events(end(5)), "", nil},
		"not from the offset":               {from(5), events(chunk(6, "ab")), "", wrong(5, 6)},
		"a tail":                            {tail(2), events(chunk(5, "ab"), chunk(7, "c"), end(8)), "abc", nil},
		"a hole in a tail":                  {tail(2), events(chunk(5, "a"), chunk(7, "c")), "a", wrong(6, 7)},
		"a negative place":                  {tail(2), events(chunk(-5, "a")), "", wrong(-1, -5)},
		"another digest":                    {request(), events(chunk(0, "ab"), end(2, "aB")), "ab", follow.ErrDigest},
		"another digest of nothing":         {request(), events(end(0, "x")), "", follow.ErrDigest},
		"another digest of a whole tail":    {tail(9), events(chunk(0, "ab"), end(2, "aB")), "ab", follow.ErrDigest},
		"the digest of more than was asked": {from(1), events(chunk(1, "b"), end(2, "ab")), "b", nil},
		"a gap":                             {request(), events(chunk(0, "ab"), gap(2, 5), chunk(5, "f"), end(6, "abcdef")), "abf", nil},
		"a gap that begins elsewhere":       {request(), events(chunk(0, "ab"), gap(3, 5)), "ab", wrong(2, 3)},
		"a gap backwards":                   {request(), events(chunk(0, "ab"), gap(2, 1)), "ab", wrong(2, 1)},
		"a hole after a gap":                {request(), events(chunk(0, "ab"), gap(2, 5), chunk(6, "g")), "ab", wrong(5, 6)},
		"a reset forward":                   {request(), events(chunk(0, "ab"), reset(3)), "ab", wrong(2, 3)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log, f, err := read(t, plays(tt.list), tt.req)
				if log != tt.want || cmp.Diff(tt.err, err, cmp.Comparer(same)) != "" {
					t.Errorf("%q, %v, want %q, %v", log, err, tt.want, tt.err)
				}
				if (f.End() != nil) != (tt.err == nil) {
					t.Errorf("end %v", f.End())
				}
			})
		})
	}
}

// same compares errors by kind and text.
func same(a, b error) bool {
	return a == b || a != nil && b != nil && a.Error() == b.Error()
}

func TestEventWithoutCursor(t *testing.T) {
	t.Parallel()
	for name, event := range map[string]*jobgatev1.ReadTraceResponse{
		"chunk": chunk(0, "a"), "gap": gap(0, 1), "reset": reset(0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if _, _, err := read(t, plays([]*jobgatev1.ReadTraceResponse{event}), request()); err == nil {
					t.Error("no error")
				}
			})
		})
	}
}

func TestWrongChunkIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := plays(events(chunk(0, "ab"), chunk(5, "x")), events(chunk(2, "cd"), end(4, "abcd")))
		log, f, err := read(t, g, request())
		if _, ok := errors.AsType[*follow.SequenceError](err); !ok || log != "ab" || f.Cursor() != "a" {
			t.Fatalf("%q, %v, cursor %q", log, err, f.Cursor())
		}
		if log, err := collect(f); log != "cd" || err != nil {
			t.Errorf("then %q, %v", log, err)
		}
	})
}

func TestResetIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := plays(events(chunk(0, "abcd"), reset(1), chunk(1, "x")), events(chunk(1, "XY"), end(3)))
		log, f, err := read(t, g, request())
		want := follow.ResetError{Reason: jobgatev1.TraceResetReason_TRACE_RESET_REASON_TRUNCATED, Offset: 1, Read: 4}
		if e, ok := errors.AsType[*follow.ResetError](err); !ok || *e != want || log != "abcd" {
			t.Fatalf("%q, %v", log, err)
		}
		if text := "the log has changed (truncated): what was read from byte 1 on no longer holds"; err.Error() != text {
			t.Errorf("told %q", err)
		}
		if f.Cursor() != "b" || f.Offset() != 1 {
			t.Errorf("cursor %q, offset %d", f.Cursor(), f.Offset())
		}
		if log, err := collect(f); log != "XY" || err != nil || g.asked()[1].GetCursor() != "b" {
			t.Errorf("then %q, %v, asked %v", log, err, g.asked()[1])
		}
	})
}

func TestOnReset(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		back int64 // where the log goes on
		last []*jobgatev1.ReadTraceResponse
		err  error
	}{
		"to the start, and the digest counts from there": {0, events(chunk(0, "new"), end(3, "new")), nil},
		"to the start, with another digest":              {0, events(chunk(0, "new"), end(3, "old")), follow.ErrDigest},
		"to a later byte, without a digest":              {1, events(chunk(1, "ew"), end(3, "old")), nil},
		"and a hole":                                     {1, events(chunk(2, "w")), &follow.SequenceError{Want: 1, Got: 2}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var held []byte
				var f *follow.Follower
				drop := func(r *jobgatev1.TraceReset) {
					if f.Offset() != 5 {
						t.Errorf("offset %d in the function", f.Offset())
					}
					held = held[:r.GetOffset()]
				}
				g := plays(events(chunk(0, "nexxx"), reset(tt.back)), tt.last)
				f = follow.Log(t.Context(), g.client(t), request(), follow.OnReset(drop))
				var err error
				for data, e := range f.Bytes() {
					held, err = append(held, data...), e
				}
				if !same(err, tt.err) || err == nil && string(held) != "new" {
					t.Errorf("%q, %v, want %v", held, err, tt.err)
				}
			})
		})
	}
}

func TestOnGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []int64
		g := plays(events(chunk(0, "ab"), gap(2, 5)), events(chunk(5, "f"), end(6)))
		log, _, err := read(t, g, request(), follow.OnGap(func(g *jobgatev1.TraceGap) {
			got = append(got, g.GetOffset(), g.GetNextOffset())
		}))
		if diff := cmp.Diff([]int64{2, 5}, got); diff != "" || log != "abf" || err != nil {
			t.Errorf("%q, %v, gap %v", log, err, got)
		}
	})
}

func TestLimit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		calls  [][]*jobgatev1.ReadTraceResponse
		want   string
		limits []int64 // that were asked for
	}{
		"what was delivered is taken off": {
			[][]*jobgatev1.ReadTraceResponse{events(chunk(0, "ab")), events(chunk(2, "c"), end(3, "abc"))},
			"abc",
			[]int64{3, 1},
		},
		"all is there but the end": {
			[][]*jobgatev1.ReadTraceResponse{events(chunk(0, "abc"))},
			"abc",
			[]int64{3},
		},
		"a reset gives back what it takes": {
			[][]*jobgatev1.ReadTraceResponse{events(chunk(0, "xx"), reset(1), chunk(1, "b")), events(chunk(2, "c"), end(3))},
			"xxbc",
			[]int64{3, 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := plays(tt.calls...)
				log, f, err := read(t, g, limited(3), follow.OnReset(func(*jobgatev1.TraceReset) {}))
				if log != tt.want || err != nil || f.End().GetSize() != 3 {
					t.Errorf("%q, %v, end %v", log, err, f.End())
				}
				var limits []int64
				for _, req := range g.asked() {
					limits = append(limits, req.GetLimit())
				}
				if diff := cmp.Diff(tt.limits, limits); diff != "" {
					t.Errorf("limits -want +got\n%s", diff)
				}
			})
		})
	}
}
