package upstream

import (
	"testing"

	"github.com/minio/crc64nvme"
)

// TestSkipped: what is thrown away before the offset is summed up, if it was sent at all.
func TestSkipped(t *testing.T) {
	each(t, func(t *testing.T, s *logServer) {
		t.Helper()
		s.log = lines(100_000)
		c := newClient(t, s.ServeHTTP)
		for range 3 {
			for _, p := range []TraceRange{{Offset: 1}, {Offset: 50_000}, {Offset: 50_000, Limit: 10}, {Offset: 50_000, Limit: 300_000}, {Offset: 100_000}} {
				p.SumSkipped = true
				trace, got := look(t, c, &Call{}, p)
				crc, ok := trace.Skipped()
				skipped := trace.Received() >= p.Offset && trace.Received() > int64(len(got))
				if ok != skipped || ok && crc != crc64nvme.Checksum(s.log[:p.Offset]) {
					t.Errorf("%+v: %x, %v, after %d bytes received", p, crc, ok, trace.Received())
				}
			}
		}
	})
}

func TestSkippedIsNotTold(t *testing.T) {
	s := &logServer{log: lines(3000)}
	c := newClient(t, s.ServeHTTP)
	c.slices.ignored()
	c.ranges.ignored()
	for name, part := range map[string]TraceRange{
		"unasked":        {Offset: 5},
		"beyond the end": {Offset: 3001, SumSkipped: true},
		"of nothing":     {SumSkipped: true},
	} {
		trace, _ := look(t, c, &Call{}, part)
		if crc, ok := trace.Skipped(); ok {
			t.Errorf("%s: %x", name, crc)
		}
	}
	trace, err := c.Trace(t.Context(), "1", 7, TraceRange{Offset: 5, SumSkipped: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = trace.Close() }()
	if _, ok := trace.Skipped(); ok {
		t.Error("before anything is read")
	}
}

// What comes before the offset may change while what comes after it does not.
func TestSkippedTellsARewrittenLog(t *testing.T) {
	s := &logServer{log: lines(3000)}
	c := newClient(t, s.ServeHTTP)
	c.slices.ignored()
	part := TraceRange{Offset: 2000, SumSkipped: true}
	first, before := look(t, c, &Call{}, part)
	s.set(func() { s.log[7] ^= 1 })
	second, after := look(t, c, &Call{}, part)
	one, ok1 := first.Skipped()
	two, ok2 := second.Skipped()
	if before != after || !ok1 || !ok2 || one == two {
		t.Errorf("%x %v, then %x %v", one, ok1, two, ok2)
	}
}
