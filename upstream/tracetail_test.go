package upstream

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// tailOffset is where a tail begins, found in the plainest way.
func tailOffset(log []byte, tail Tail) int64 {
	if tail.Bytes > 0 {
		return max(int64(len(log))-tail.Bytes, 0)
	}
	split := bytes.SplitAfter(log, []byte("\n"))
	if len(split[len(split)-1]) == 0 {
		split = split[:len(split)-1]
	}
	offset := len(log)
	for i := len(split) - 1; i >= 0 && len(split)-i <= tail.Lines; i-- {
		offset -= len(split[i])
	}
	return int64(offset)
}

func TestTraceTail(t *testing.T) {
	logs := [][]byte{
		nil, []byte("\n"), []byte("a"), []byte("a\n"), []byte("a\nb"), []byte("\n\n\n"), []byte("a\r\nb\r\n"),
		lines(511_999), lines(512_000), lines(512_001), lines(3_000_000), bytes.Repeat([]byte("x"), 1_500_000),
		append(bytes.Repeat([]byte("x"), 64<<10), "\nlast\n"...), append(lines(600_000), '\n'),
	}
	tails := []Tail{
		{Bytes: 1},
		{Bytes: 100},
		{Bytes: 600_000},
		{Bytes: 1 << 40},
		{Lines: 1},
		{Lines: 2},
		{Lines: 3},
		{Lines: 1000},
		{Lines: 40_000},
		{Lines: 1_000_000},
	}
	each(t, func(t *testing.T, s *logServer) {
		t.Helper()
		c := newClient(t, s.ServeHTTP)
		for i, log := range logs {
			s.set(func() { s.log = log })
			for _, tail := range tails {
				for _, size := range []int64{-1, int64(len(log))} {
					got, err := c.TraceTail(t.Context(), "1", 7, tail, size, nil)
					if want := tailOffset(log, tail); err != nil || got != want {
						t.Errorf("log %d, %+v, size %d: %d, %v, want %d", i, tail, size, got, err, want)
					}
				}
			}
		}
	})
}

func TestTailAsksForLittle(t *testing.T) {
	s := &logServer{log: lines(20_000_000), slices: true}
	c := newClient(t, s.ServeHTTP)
	if _, err := c.TraceTail(t.Context(), "1", 7, Tail{Lines: 10}, -1, nil); err != nil {
		t.Fatal(err)
	}
	if asked := strings.Fields(s.take()); len(asked) > 16 {
		t.Errorf("%d requests: %q", len(asked), asked)
	}
	if _, err := c.TraceTail(t.Context(), "1", 7, Tail{Lines: 10}, 20_000_000, nil); err != nil {
		t.Fatal(err)
	}
	if asked := s.take(); asked != "byte_offset=19934464&byte_limit=65536" {
		t.Errorf("asked %q", asked)
	}
	if _, err := c.TraceTail(t.Context(), "1", 7, Tail{Bytes: 10}, 20_000_000, nil); err != nil || s.take() != "" {
		t.Errorf("asked although the size is known: %v", err)
	}
}

func TestTailWithSizeThatIsWrong(t *testing.T) {
	s := &logServer{log: []byte("a\nb\nc\n"), slices: true}
	c := newClient(t, s.ServeHTTP)
	if got, err := c.TraceTail(t.Context(), "1", 7, Tail{Lines: 1}, 5000, nil); err != nil || got != 4 {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestTailWhenSlicesAreNoLongerHonoured(t *testing.T) {
	each(t, func(t *testing.T, s *logServer) {
		t.Helper()
		s.slices, s.log = false, lines(100_000)
		c := newClient(t, s.ServeHTTP)
		c.slices.honoured()
		for _, tail := range []Tail{{Lines: 3}, {Bytes: 3}} {
			if got, err := c.TraceTail(t.Context(), "1", 7, tail, -1, nil); err != nil || got != tailOffset(s.log, tail) {
				t.Errorf("%+v: got %d, %v", tail, got, err)
			}
		}
	})
}

func TestTailRefusals(t *testing.T) {
	c := newClient(t, respond(403, "application/json", `{"message":"403 Forbidden"}`))
	_, err := c.TraceTail(t.Context(), "1", 7, Tail{Lines: 1}, -1, nil)
	wantError(t, err, Answered)
	for _, tail := range []Tail{{}, {Bytes: -1}, {Lines: -1}, {Bytes: 1, Lines: 1}, {Lines: maxTailLines + 1}} {
		_, err := c.TraceTail(t.Context(), "1", 7, tail, -1, nil)
		wantError(t, err, Invalid)
	}
}

// FuzzLineStarts: however a log is cut into writes, its tail is the same.
func FuzzLineStarts(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), uint8(2), uint8(1))
	f.Add([]byte("\n\n"), uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, log []byte, n, cut uint8) {
		starts := &lineStarts{keep: int(n) + 1}
		for rest := log; len(rest) > 0; {
			k := min(int(cut)+1, len(rest))
			if wrote, err := starts.Write(rest[:k]); wrote != k || err != nil {
				t.Fatal(wrote, err)
			}
			rest = rest[k:]
		}
		if got, want := starts.tail(), tailOffset(log, Tail{Lines: int(n) + 1}); got != want {
			t.Errorf("%q: the last %d lines begin at %d, want %d", log, int(n)+1, got, want)
		}
	})
}

func BenchmarkTrace(b *testing.B) {
	s := &logServer{log: lines(8 << 20)}
	c := newClient(b, s.ServeHTTP)
	b.SetBytes(8 << 20)
	b.ReportAllocs()
	for b.Loop() {
		trace, err := c.Trace(b.Context(), "1", 7, TraceRange{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, trace, make([]byte, 64<<10)); n != 8<<20 || err != nil {
			b.Fatal(fmt.Errorf("%d bytes, %w", n, err))
		}
		_ = trace.Close()
	}
}

func TestTailOfALogWithoutEnd(t *testing.T) { // of one byte, which is always sent
	s := &logServer{log: []byte("x")}
	c := newClient(t, s.ServeHTTP)
	c.slices.honoured()
	if got, err := c.TraceTail(t.Context(), "1", 7, Tail{Bytes: 1}, -1, nil); err != nil || got != 0 {
		t.Errorf("got %d, %v", got, err)
	}
}

// TestTailByRange: of a front end that honours the header the size of the log is a request, and
// the tail little more.
func TestTailByRange(t *testing.T) {
	s := &logServer{log: lines(2_000_000), ranges: true}
	c := newClient(t, s.ServeHTTP)
	c.slices.ignored()
	for _, row := range []struct {
		tail  Tail
		size  int64
		asked string
	}{
		{Tail{Bytes: 10}, -1, "bytes=0-0"},
		{Tail{Bytes: 10}, 2_000_000, ""},
		{Tail{Lines: 10}, -1, "bytes=0-0 bytes=1934464-1999999"},
		{Tail{Lines: 10}, 2_000_000, "bytes=1934464-1999999"},
		{Tail{Lines: 10}, 2_000_001, "bytes=1934465-2000000 bytes=0-0 bytes=1934464-1999999"}, // which is wrong
		{Tail{Lines: 3000}, -1, "bytes=0-0 bytes=1934464-1999999 bytes=1803392-1934463"},
	} {
		got, err := c.TraceTail(t.Context(), "1", 7, row.tail, row.size, nil)
		if want := tailOffset(s.log, row.tail); err != nil || got != want {
			t.Errorf("%+v: %d, %v, want %d", row.tail, got, err, want)
		}
		if asked := s.take(); asked != row.asked {
			t.Errorf("%+v, size %d: asked %q, want %q", row.tail, row.size, asked, row.asked)
		}
	}
	s.set(func() { s.log = nil })
	if got, err := c.TraceTail(t.Context(), "1", 7, Tail{Lines: 1}, -1, nil); got != 0 || err != nil || s.take() != "bytes=0-0" {
		t.Errorf("of nothing %d, %v", got, err)
	}
}

// TestTailWhenRangesAreNoLongerHonoured: then the log is read, and that is remembered.
func TestTailWhenRangesAreNoLongerHonoured(t *testing.T) {
	s := &logServer{log: lines(100_000)}
	c := newClient(t, s.ServeHTTP)
	c.slices.ignored()
	for _, row := range []struct {
		believed bool
		size     int64
		asked    []string
	}{
		{true, 100_000, []string{"bytes=34464-99999", ""}},
		{true, -1, []string{"bytes=0-0"}},
		{false, 100_000, []string{""}},
		{false, -1, []string{""}},
	} {
		if row.believed {
			c.ranges.honoured()
		}
		got, err := c.TraceTail(t.Context(), "1", 7, Tail{Lines: 10}, row.size, nil)
		if want := tailOffset(s.log, Tail{Lines: 10}); err != nil || got != want {
			t.Errorf("%+v: %d, %v, want %d", row, got, err, want)
		}
		if asked := strings.Split(s.take(), " "); !slices.Equal(asked, row.asked) {
			t.Errorf("%+v: asked %q", row, asked)
		}
	}
}

// TestTailOfADishonestFront: an answer that is not just what was asked for does not place the
// tail elsewhere.
func TestTailOfADishonestFront(t *testing.T) {
	log := lines(300_000)
	for name, lie := range liars {
		f := &front{log: string(log), answer: func(log string, first, end int) *http.Response {
			if first == 0 { // some lies are then none
				return honest(log, first, end)
			}
			return lie(log, first, end)
		}}
		c := functionClient(t, f.RoundTrip)
		c.slices.ignored()
		if got, err := c.TraceTail(t.Context(), "1", 7, Tail{Lines: 5}, -1, nil); err != nil || got != tailOffset(log, Tail{Lines: 5}) {
			t.Errorf("%s: %d, %v, after %q", name, got, err, f.asked)
		}
	}
}

// TestTailOfAFrontWithoutSizes: then the log is read.
func TestTailOfAFrontWithoutSizes(t *testing.T) {
	log := lines(300_000)
	f := &front{log: string(log), answer: func(log string, first, end int) *http.Response {
		return partial(206, log[first:end], fmt.Sprintf("bytes %d-%d/*", first, end-1))
	}}
	c := functionClient(t, f.RoundTrip)
	c.slices.ignored()
	if got, err := c.TraceTail(t.Context(), "1", 7, Tail{Lines: 5}, -1, nil); err != nil || got != tailOffset(log, Tail{Lines: 5}) {
		t.Errorf("%d, %v, after %q", got, err, f.asked)
	}
}
