package upstream

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// TestCostOfAPartByRange: how a GitLab is asked that ignores its own words, behind a front
// end that honours the header.
func TestCostOfAPartByRange(t *testing.T) {
	const size = 3000
	s := &logServer{log: lines(size), ranges: true}
	c := newClient(t, s.ServeHTTP)
	for _, step := range []struct {
		part  TraceRange
		asked string
		size  int64
	}{
		{TraceRange{Offset: 5, Limit: 10}, "byte_offset=5&byte_limit=10", size}, // not yet known to ignore it
		{TraceRange{Offset: 5, Limit: 10, HasOffset: true, HasLimit: true}, "byte_offset=5&byte_limit=10", size},
		{TraceRange{Offset: 5, Limit: 10}, "bytes=5-14", size},
		{TraceRange{Offset: 2990}, "bytes=2990-", size},
		{TraceRange{Offset: 2990, HasOffset: true}, "bytes=2990-", size},
		{TraceRange{Offset: 2990, Limit: 10}, "bytes=2990-2999", size},
		{TraceRange{Offset: 2990, Limit: 11}, "bytes=2990-3000", size},
		{TraceRange{Offset: 3000}, "bytes=3000-", size},
		{TraceRange{Offset: 9000, Limit: 1}, "bytes=9000-9000", size},
		{TraceRange{Limit: 10}, "bytes=0-9", size},
		{TraceRange{Limit: size}, "bytes=0-2999", size},
		{TraceRange{Offset: 1, Limit: MaxSlice + 1}, "bytes=1-512001", size},
		{TraceRange{Offset: 1, Limit: 1<<63 - 1}, "bytes=1-", size},
		{TraceRange{Offset: 1 << 62, Limit: 1<<63 - 1}, "bytes=4611686018427387904-", size},
		{TraceRange{}, "", size},
		{TraceRange{HasOffset: true}, "byte_offset=0", size},
		{TraceRange{Offset: 5, Limit: 10, HasOffset: true, HasLimit: true}, "bytes=5-14", size}, // by now known to work
		{TraceRange{Offset: 5, Limit: MaxSlice + 1, HasLimit: true}, "byte_offset=5&byte_limit=512001 " + headRequest, size},
	} {
		want := part(s.log, strconv.FormatInt(step.part.Offset, 10), limitOf(step.part))
		got, told := readTrace(t, c, step.part)
		if got != string(want) || told != step.size {
			t.Errorf("%+v: %d bytes of %d, want %d", step.part, len(got), told, len(want))
		}
		if asked := s.take(); asked != step.asked {
			t.Errorf("%+v: asked %q, want %q", step.part, asked, step.asked)
		}
	}
	s.set(func() { s.log = nil })
	for _, p := range []TraceRange{{Offset: 5}, {Limit: 5}} {
		if got, size := readTrace(t, c, p); got != "" || size != 0 {
			t.Errorf("of an empty log %q of %d", got, size)
		}
	}
}

// TestRangeProbesOnce: that the header is ignored is seen once, for nothing, and forgotten
// with time; of an empty log it is not seen.
func TestRangeProbesOnce(t *testing.T) {
	s := &logServer{}
	c := newClient(t, s.ServeHTTP)
	c.slices.ignored()
	readTrace(t, c, TraceRange{Offset: 5})
	s.set(func() { s.log = lines(3000) })
	readTrace(t, c, TraceRange{Offset: 5})
	if c.heads.of(c.logCall("1", 7, nil).log) == nil {
		t.Error("how the log begins was not learnt from it")
	}
	for range 2 {
		readTrace(t, c, TraceRange{Offset: 5})
	}
	c.ranges.forget()
	s.set(func() { s.ranges = true })
	readTrace(t, c, TraceRange{Offset: 5})
	if asked := strings.Split(s.take(), " "); !slices.Equal(asked, []string{"bytes=5-", "bytes=5-", "", "", "bytes=5-"}) {
		t.Errorf("asked %q", asked)
	}
	if honoured, _ := c.ranges.load(); !honoured {
		t.Error("not seen that it is honoured")
	}
}

// TestReplyBeyondTheEnd: that a front end has no such bytes is told as GitLab would tell it,
// and is believed of others.
func TestReplyBeyondTheEnd(t *testing.T) {
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		resp := partial(416, "<title>416</title>", "bytes */10")
		for name, value := range map[string]string{"Content-Type": "text/html", "Content-Length": "18", "Etag": `"e"`, "X-Request-Id": "r"} {
			resp.Header.Set(name, value)
		}
		return resp, nil
	})
	c.slices.ignored()
	call := &Call{}
	trace, got := look(t, c, call, TraceRange{Offset: 10})
	if got != "" || trace.Size() != 10 || trace.Length() != 0 || trace.Received() != 0 || trace.Validator() != (Validator{}) {
		t.Errorf("got %q of %d, size %d, %d received", got, trace.Length(), trace.Size(), trace.Received())
	}
	want := http.Header{"Content-Type": {"text/plain"}, "X-Request-Id": {"r"}}
	if diff := cmp.Diff(Reply{Status: 200, Header: want}, call.Reply); diff != "" {
		t.Errorf("the reply (-want +got):\n%s", diff)
	}
	if honoured, _ := c.ranges.load(); !honoured {
		t.Error("not seen that it is honoured")
	}
}

// TestNeverAWrongByteByRange: a part by Range that is not just what was asked for is not
// believed, whatever was remembered: the part is cut out of the whole log.
func TestNeverAWrongByteByRange(t *testing.T) {
	log := string(lines(3000))
	for name, lie := range liars {
		t.Run(name, func(t *testing.T) {
			for _, p := range []TraceRange{{Offset: 100}, {Offset: 100, Limit: 50}, {Offset: 2990, Limit: 50}, {Offset: 1, Limit: 512_001}} {
				for _, known := range []bool{false, true} {
					f := &front{log: log, answer: lie}
					c := functionClient(t, f.RoundTrip)
					c.slices.ignored()
					if known {
						c.ranges.honoured()
					}
					got, size := readTrace(t, c, p)
					if want := part([]byte(log), strconv.FormatInt(p.Offset, 10), limitOf(p)); got != string(want) {
						t.Errorf("%+v: got %.40q, want %.40q", p, got, want)
					}
					if honoured, known := c.ranges.load(); honoured || !known || size != 3000 || len(f.asked) != 2 {
						t.Errorf("%+v: believed %v, %v; size %d; asked %q", p, honoured, known, size, f.asked)
					}
				}
			}
		})
	}
}

// TestRangeOfRandomFronts: front ends that are honest, or not, by chance.
func TestRangeOfRandomFronts(t *testing.T) {
	answers := []frontAnswer{honest, honest, honest, nil}
	for _, name := range slices.Sorted(maps.Keys(liars)) {
		answers = append(answers, func(log string, first, end int) *http.Response {
			if first == 0 || end-first < 2 { // some lies are then none
				return honest(log, first, end)
			}
			return liars[name](log, first, end)
		})
	}
	random := rand.New(rand.NewPCG(3, 5))
	pick := func(of ...int) int { return of[random.IntN(len(of))] }
	for range 3000 {
		log := lines(pick(0, 1, 10, 1024, 1025, 3000))
		f := &front{log: string(log)}
		c := functionClient(t, func(req *http.Request) (*http.Response, error) {
			f.answer = answers[random.IntN(len(answers))]
			return f.RoundTrip(req)
		})
		c.slices.ignored()
		for range 4 {
			if random.IntN(2) == 0 {
				c.ranges.forget()
			}
			p := TraceRange{Offset: int64(pick(0, 1, 9, 10, 11, 1024, 2999, 3000, 9000)), Limit: int64(pick(0, 1, 2, 100, 3000, 600_000))}
			want := part(log, strconv.FormatInt(p.Offset, 10), limitOf(p))
			if got, _ := readTrace(t, c, p); got != string(want) {
				t.Fatalf("%d bytes, %+v: got %.40q, want %.40q, after %q", len(log), p, got, want, f.asked)
			}
		}
	}
}

// TestRangeWithoutSize: a size that is not told is not needed where a limit tells the end.
func TestRangeWithoutSize(t *testing.T) {
	f := &front{log: string(lines(3000)), answer: func(log string, first, end int) *http.Response {
		return partial(206, log[first:end], fmt.Sprintf("bytes %d-%d/*", first, end-1))
	}}
	c := functionClient(t, f.RoundTrip)
	c.slices.ignored()
	if got, size := readTrace(t, c, TraceRange{Offset: 5, Limit: 10}); got != f.log[5:15] || size != -1 {
		t.Errorf("got %q of %d", got, size)
	}
	if got, size := readTrace(t, c, TraceRange{Offset: 5}); got != f.log[5:] || size != 3000 {
		t.Errorf("to the end: %d bytes of %d", len(got), size)
	}
	if got := strings.Join(f.asked, ", "); got != "GET bytes=5-14, GET bytes=5-, GET" {
		t.Errorf("asked %q", got)
	}
}

// TestBodyOfAPartByRange: one that is not as long as it was announced is no end of a log, and
// no more of it is delivered.
func TestBodyOfAPartByRange(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		part TraceRange
		kind Kind
		got  string
	}{
		"shorter":              {"5678", TraceRange{Offset: 5}, Interrupted, "5678"},
		"longer":               {"56789x", TraceRange{Offset: 5}, Interrupted, "56789"},
		"longer than it is":    {"56789x", TraceRange{Offset: 5, Limit: 9}, Interrupted, "56789"},
		"longer than is asked": {"56789x", TraceRange{Offset: 5, Limit: 5}, Interrupted, "56789"},
	} {
		c := functionClient(t, func(*http.Request) (*http.Response, error) {
			resp := partial(206, row.body, "bytes 5-9/10")
			resp.ContentLength = 5
			return resp, nil
		})
		c.slices.ignored()
		trace, err := c.Trace(t.Context(), "1", 7, row.part, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(trace)
		_ = trace.Close()
		wantError(t, err, row.kind)
		if string(got) != row.got || trace.Length() != 5 {
			t.Errorf("%s: got %q of %d", name, got, trace.Length())
		}
	}
}

// TestRangeIsAskedForAlone: a log that is asked for whole, or in GitLab's words, is asked for
// without the header, and a part that comes unasked is none.
func TestRangeIsAskedForAlone(t *testing.T) {
	for _, p := range []TraceRange{{}, {Offset: 5}, {Limit: 5}} {
		c := functionClient(t, func(req *http.Request) (*http.Response, error) {
			if req.Header.Get("Range") != "" {
				t.Errorf("%+v: asked %v", p, req.Header)
			}
			return partial(206, "56789", "bytes 5-9/10"), nil
		})
		_, err := c.Trace(t.Context(), "1", 7, p, nil)
		wantError(t, err, Malformed)
	}
}

func TestRangeIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		kind    Kind
	}{
		"forbidden": {respond(403, "application/json", `{"message":"403 Forbidden"}`), Answered},
		"a page":    {respond(200, "text/html", "<title>Sign in</title>"), Malformed},
	} {
		c := newClient(t, row.handler)
		c.slices.ignored()
		_, err := c.Trace(t.Context(), "1", 7, TraceRange{Offset: 5}, nil)
		if e := wantError(t, err, row.kind); e.Op != "read log of job 7 of 1" {
			t.Errorf("%s: got %v", name, e)
		}
		if _, known := c.ranges.load(); known {
			t.Errorf("%s told something of ranges", name)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, text := range []string{"bytes 0-0/1", "bytes 5-9/*", "bytes */10", "bytes 9-5/10", "bytes 5-9/9", "", "bytes /-"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		told, ok := parseContentRange([]string{text})
		if !ok {
			return
		}
		size := "*"
		if told.size >= 0 {
			size = strconv.FormatInt(told.size, 10)
		}
		again := fmt.Sprintf("bytes %d-%d/%s", told.first, told.end-1, size)
		if told.unsatisfied {
			again = "bytes */" + size
		} else if told.first < 0 || told.first >= told.end || told.size >= 0 && told.end > told.size {
			t.Errorf("%q: %+v", text, told)
		}
		if once, ok := parseContentRange([]string{again}); !ok || once != told {
			t.Errorf("%q: %+v, and written again %+v", text, told, once)
		}
	})
}

// TestSandboxBehindAFront: an old GitLab behind a front end that honours the header, and a new
// one, whose parts the front end must never cut.
func TestSandboxBehindAFront(t *testing.T) {
	log := lines(600_000)
	for _, version := range versions {
		c, sb, call := newSandbox(t, sandbox.WithVersion(version), sandbox.WithRangeFront())
		sb.SetTrace(sandbox.JobRunning, log)
		ctx := WithCall(t.Context(), call)
		for range 2 {
			for _, p := range []TraceRange{{Offset: 5, Limit: 10}, {Offset: 599_990}, {Offset: 100_000, Limit: 512_000}, {Offset: 600_000}, {Limit: 9}} {
				trace, err := c.Trace(ctx, sandbox.ProjectWidgets, sandbox.JobRunning, p, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(trace)
				if want := part(log, fmt.Sprint(p.Offset), limitOf(p)); err != nil || !bytes.Equal(got, want) || trace.Length() != int64(len(want)) {
					t.Errorf("%s %+v: %d bytes of %d, %v", version, p, len(got), trace.Length(), err)
				}
				_ = trace.Close()
			}
		}
		if honoured, _ := c.ranges.load(); honoured != (version == sandbox.VersionOld) {
			t.Errorf("%s: ranges honoured: %v", version, honoured)
		}
		for _, r := range sb.Requests() {
			if r.Query != "" && r.Header.Get("Range") != "" {
				t.Errorf("%s: asked %s with Range: %s", version, r.Query, r.Header.Get("Range"))
			}
		}
	}
}

// A part of what is compressed cannot be inflated, and is not taken for the part.
func TestPartOfGzip(t *testing.T) {
	c := functionClient(t, func(*http.Request) (*http.Response, error) { return zipped(206, []byte("x")), nil })
	err := c.Relay(t.Context(), Raw{Method: "GET", Path: "/"}, func(resp *http.Response) error {
		body, err := io.ReadAll(resp.Body)
		if !bytes.HasPrefix(body, []byte("\x1f\x8b")) || err != nil || encoded(resp.Header) != "gzip" {
			t.Errorf("got %q, %v", body, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
