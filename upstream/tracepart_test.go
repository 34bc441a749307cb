package upstream

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const headRequest = "byte_limit=1024"

// TestCostOfAPart: which requests a part costs, in which words.
func TestCostOfAPart(t *testing.T) {
	type step struct {
		part  TraceRange
		asked string
	}
	for name, row := range map[string]struct {
		size   int
		slices bool
		steps  []step
	}{
		"followed from the start": {3000, true, []step{
			{TraceRange{}, ""},
			{TraceRange{Offset: 2000}, "byte_offset=2000 " + headRequest}, // not yet known to honour it
			{TraceRange{Offset: 2000}, "byte_offset=2000"},
			{TraceRange{Offset: 5, Limit: 2000}, "byte_offset=5&byte_limit=2000"},
			{TraceRange{Offset: 5, Limit: 1}, "byte_offset=5&byte_limit=1"},
			{TraceRange{Offset: 3000}, "byte_offset=3000"},
			{TraceRange{Offset: 2500, Limit: 512_001}, "byte_offset=2500"},
		}},
		"in the middle": {3000, true, []step{
			{TraceRange{Offset: 2000}, "byte_offset=2000 " + headRequest},
			{TraceRange{Offset: 2500, Limit: 512_000}, "byte_offset=2500&byte_limit=512000"},
		}},
		"at the end": {3000, true, []step{
			{TraceRange{Offset: 3000}, "byte_offset=3000"},
			{TraceRange{Offset: 5000, Limit: 10}, "byte_offset=5000&byte_limit=10"},
		}},
		"followed by small parts": {3000, true, []step{
			{TraceRange{Limit: 100}, "byte_limit=100"},
			{TraceRange{Offset: 100, Limit: 100}, "byte_offset=100&byte_limit=100 " + headRequest},
			{TraceRange{Offset: 200, Limit: 100}, "byte_offset=200&byte_limit=100"},
		}},
		"from the start": {3000, true, []step{
			{TraceRange{Limit: 1}, "byte_limit=1"},
			{TraceRange{Limit: 512_000}, "byte_limit=512000"},
			{TraceRange{Limit: 512_001}, ""},
		}},
		"the first byte": {3000, true, []step{ // of which there are too few to tell it from a log
			{TraceRange{Offset: 12, Limit: 1}, "byte_offset=12&byte_limit=1 " + headRequest},
		}},
		"ignored, more than was asked for": {3000, false, []step{
			{TraceRange{Offset: 5, Limit: 2999}, "byte_offset=5&byte_limit=2999"},
		}},
		"ignored, log shorter than the limit": {3000, false, []step{
			{TraceRange{Offset: 5, Limit: 3000}, "byte_offset=5&byte_limit=3000 " + headRequest},
			{TraceRange{Offset: 50, Limit: 3000}, "bytes=50-3049"}, // which is ignored too
			{TraceRange{Offset: 50, Limit: 3000}, "byte_offset=50&byte_limit=3000 " + headRequest},
			{TraceRange{Offset: 50}, ""},
			{TraceRange{Offset: 5000}, ""},
		}},
		"ignored, log shorter than a KiB": {700, false, []step{
			{TraceRange{Offset: 5, Limit: 3000}, "byte_offset=5&byte_limit=3000 " + headRequest},
			{TraceRange{Offset: 5000, Limit: 3000}, "bytes=5000-7999"},
			{TraceRange{Offset: 5000, Limit: 3000}, "byte_offset=5000&byte_limit=3000 " + headRequest},
			{TraceRange{Offset: 5}, ""},
		}},
		"ignored, no limit": {3000, false, []step{
			{TraceRange{Offset: 5000}, "byte_offset=5000 " + headRequest},
			{TraceRange{Offset: 2000}, "bytes=2000-"},
			{TraceRange{Offset: 2000}, ""},
		}},
		"empty": {0, false, []step{
			{TraceRange{Offset: 5}, "byte_offset=5"},
			{TraceRange{Offset: 5, Limit: 10}, "byte_offset=5&byte_limit=10"},
		}},
		"in the caller's words": {3000, true, []step{
			{TraceRange{HasOffset: true}, "byte_offset=0"},
			{TraceRange{HasOffset: true, HasLimit: true, Limit: 10}, "byte_offset=0&byte_limit=10"},
			{TraceRange{HasLimit: true, Limit: 600_000}, "byte_limit=600000"},
			{TraceRange{HasLimit: true}, "byte_limit=0"},
			{TraceRange{Offset: 2000, HasOffset: true}, "byte_offset=2000 " + headRequest},
			{TraceRange{Offset: 2000, HasOffset: true, HasLimit: true, Limit: 600_000}, "byte_offset=2000&byte_limit=600000"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &logServer{log: lines(row.size), slices: row.slices}
			c := newClient(t, s.ServeHTTP)
			for _, step := range row.steps {
				want := part(s.log, strconv.FormatInt(step.part.Offset, 10), "")
				if step.part.Limit > 0 {
					want = want[:min(int(step.part.Limit), len(want))]
				}
				if step.part.HasLimit && step.part.Limit == 0 && s.slices {
					want = nil // GitLab would refuse it
				}
				if got, _ := readTrace(t, c, step.part); got != string(want) {
					t.Errorf("%+v: %d bytes, want %d", step.part, len(got), len(want))
				}
				if asked := s.take(); asked != step.asked {
					t.Errorf("%+v: asked %q, want %q", step.part, asked, step.asked)
				}
			}
		})
	}
}

// fleet is a log behind one address, on machines of which some don't know of parts.
type fleet struct {
	log     []byte
	grow    int              // bytes that come with each request, up to whole
	whole   []byte           // what the log becomes
	old     func(n int) bool // whether request n meets an old machine
	chunked bool
	asked   []string
}

func (f *fleet) RoundTrip(req *http.Request) (*http.Response, error) {
	old := f.old(len(f.asked))
	f.asked = append(f.asked, req.URL.RawQuery)
	log, query := f.log, req.URL.Query()
	if !old {
		log = part(log, query.Get("byte_offset"), query.Get("byte_limit"))
	}
	f.log = f.whole[:min(len(f.log)+f.grow, len(f.whole))]
	resp := &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}},
		Body: io.NopCloser(bytes.NewReader(log)), ContentLength: int64(len(log)),
	}
	if f.chunked {
		resp.ContentLength = -1
	}
	return resp, nil
}

// TestNeverAWrongByte: whatever machines answer, whatever is remembered, and while the log
// grows, a part is the part.
func TestNeverAWrongByte(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	pick := func(of ...int) int { return of[random.IntN(len(of))] }
	different, alike := lines(6000), bytes.Repeat([]byte("x"), 6000)
	for range 5000 {
		size := pick(0, 1, 2, 10, 500, 1023, 1024, 1025, 1500, 2048, 2600, 5000)
		whole := different[:size+600]
		steady := random.IntN(3) > 0
		if !steady {
			whole = alike[:size+600]
		}
		mask, state := random.IntN(64), random.IntN(3)
		f := &fleet{log: whole[:size], whole: whole, grow: pick(0, 0, 1, 100), chunked: random.IntN(2) == 0}
		f.old = func(n int) bool { return mask>>min(n, 5)&1 == 1 }
		if !steady { // where a KiB in common proves nothing, the machines are alike
			old := state == 2 || random.IntN(2) == 0
			f.old = func(int) bool { return old }
		}
		c := functionClient(t, f.RoundTrip)
		if random.IntN(2) == 0 {
			readTrace(t, c, TraceRange{Limit: int64(pick(0, 1, 100, 512_000))})
		}
		switch state {
		case 1:
			c.slices.honoured()
		case 2:
			c.slices.ignored()
		}
		f.asked = nil
		for range 1 + random.IntN(3) {
			p := TraceRange{Offset: int64(pick(1, 2, 9, 100, 999, 1024, 1025, 1600, 4999, 9000)), Limit: int64(pick(0, 0, 1, 2, 100, 1024, 1025, 3000, 512_000, 600_000))}
			before := f.log
			got, _ := readTrace(t, c, p)
			least := len(part(before, fmt.Sprint(p.Offset), limitOf(p)))
			want := part(f.whole, fmt.Sprint(p.Offset), limitOf(p))
			if len(got) < least || !strings.HasPrefix(string(want), got) {
				t.Fatalf("%d bytes, %+v, state %d, mask %b, %+v: %d bytes, want %d, after %q", size, p, state, mask, f.grow, len(got), least, f.asked)
			}
		}
	}
}

func limitOf(p TraceRange) string {
	if p.Limit == 0 {
		return ""
	}
	return fmt.Sprint(p.Limit)
}

// TestOldMachineAmongNew: a GitLab that is known to honour requests for parts, and then
// answers with a whole log that is not longer than was asked for.
func TestOldMachineAmongNew(t *testing.T) {
	for _, size := range []int{10, 300, 1024, 1500, 3000} {
		for _, p := range []TraceRange{{Offset: 5}, {Offset: 5, Limit: 5000}, {Offset: 2000}, {Offset: 2000, Limit: 4000}} {
			for _, known := range []bool{false, true} {
				log := lines(size)
				f := &fleet{log: log, whole: log, old: func(int) bool { return true }}
				c := functionClient(t, f.RoundTrip)
				if known {
					readTrace(t, c, TraceRange{})
				}
				c.slices.honoured()
				want := part(log, fmt.Sprint(p.Offset), limitOf(p))
				if got, _ := readTrace(t, c, p); got != string(want) {
					t.Errorf("%d bytes, %+v: %d bytes, want %d", size, p, len(got), len(want))
				}
			}
		}
	}
}

// A log that was rewritten is not judged by how it began before, unless GitLab is known to
// honour requests for parts.
func TestRewrittenLogOfAnOldGitLab(t *testing.T) {
	s := &logServer{log: lines(3000)}
	c := newClient(t, s.ServeHTTP)
	for range 2 {
		readTrace(t, c, TraceRange{})
		s.set(func() { s.log = append([]byte("rewritten\n"), s.log...) })
		for _, p := range []TraceRange{{Offset: 5}, {Offset: 5, Limit: 100_000}} {
			if got, _ := readTrace(t, c, p); got != string(s.log[5:]) {
				t.Errorf("%+v: %d bytes", p, len(got))
			}
		}
	}
}

func TestUpgradedGitLabShows(t *testing.T) {
	s := &logServer{log: lines(3000)}
	c := newClient(t, s.ServeHTTP)
	readTrace(t, c, TraceRange{Offset: 5, Limit: 10})
	readTrace(t, c, TraceRange{Offset: 5, Limit: 10})
	for what, m := range map[string]*partMemory{"slices": &c.slices, "ranges": &c.ranges} {
		if honoured, known := m.load(); honoured || !known {
			t.Fatalf("not seen that %s are ignored", what)
		}
	}
	s.set(func() { s.slices = true })
	if got, _ := readTrace(t, c, TraceRange{Offset: 5, Limit: 10}); got != string(s.log[5:15]) {
		t.Errorf("got %q", got)
	}
	if honoured, _ := c.slices.load(); !honoured {
		t.Error("not seen that they are honoured")
	}
}

// TestLengthOfATrace: what is announced is what Read delivers.
func TestLengthOfATrace(t *testing.T) {
	each(t, func(t *testing.T, s *logServer) {
		t.Helper()
		s.log = lines(700_000)
		for _, p := range []TraceRange{
			{},
			{Limit: 10},
			{Limit: 800_000},
			{Offset: 10},
			{Offset: 10, Limit: 100},
			{Offset: 10, Limit: 600_000},
			{Offset: 699_990, Limit: 100},
			{Offset: 800_000},
			{Offset: 800_000, Limit: 5},
			{Offset: 800_000, Limit: 600_000},
		} {
			c := newClient(t, s.ServeHTTP)
			trace, err := c.Trace(t.Context(), "1", 7, p, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(trace)
			_ = trace.Close()
			if length := trace.Length(); err != nil || length != int64(len(got)) && (length != -1 || !s.chunked) {
				t.Errorf("%+v: %d bytes of %d, %v", p, len(got), length, err)
			}
		}
	})
}

// TestReplyOfATrace: the header is that of the answer that is read.
func TestReplyOfATrace(t *testing.T) {
	const words, header = "byte_offset=2000&byte_limit=10", "bytes=2000-2009"
	for _, row := range []struct {
		slices, ranges bool
		etags          []string
	}{
		{true, false, []string{words, words, words}},
		{false, false, []string{words, header, words}},
		{false, true, []string{words, header, header}},
	} {
		s := &logServer{log: lines(5000), slices: row.slices, ranges: row.ranges}
		c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"`+r.URL.RawQuery+r.Header.Get("Range")+`"`)
			w.Header().Set("Content-Disposition", `infile; filename="7.log"`)
			s.ServeHTTP(w, r)
		})
		call := &Call{}
		for i, etag := range row.etags {
			trace, err := c.Trace(WithCall(t.Context(), call), "1", 7, TraceRange{Offset: 2000, Limit: 10}, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = trace.Close()
			h := call.Reply.Header
			if call.Reply.Status != 200 || h.Get("ETag") != `"`+etag+`"` || h.Get("Content-Disposition") == "" || h.Get("Content-Range") != "" {
				t.Errorf("%+v, call %d: the reply is %+v", row, i, call.Reply)
			}
		}
	}
}

// What goes wrong after the answer is told, and leaves nothing open.
func TestPartThatCannotBeJudged(t *testing.T) {
	log := lines(3000)
	for name, second := range map[string]http.HandlerFunc{
		"refused": respond(403, "application/json", `{"message":"403 Forbidden"}`),
		"a page":  respond(200, "text/html", "<title>Sign in</title>"),
	} {
		asked := 0
		c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			if asked > 1 {
				second(w, r)
				return
			}
			(&logServer{log: log, slices: true}).ServeHTTP(w, r)
		})
		_, err := c.Trace(t.Context(), "1", 7, TraceRange{Offset: 5}, nil)
		if e, ok := err.(*Error); !ok || e.Kind != map[string]Kind{"refused": Answered, "a page": Malformed}[name] {
			t.Errorf("%s: got %v", name, err)
		}
	}
	short := functionClient(t, func(*http.Request) (*http.Response, error) {
		body := io.NopCloser(strings.NewReader("abc"))
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, ContentLength: 10}, nil
	})
	_, err := short.Trace(t.Context(), "1", 7, TraceRange{Offset: 5}, nil)
	wantError(t, err, Interrupted)
}

func TestSandboxParts(t *testing.T) {
	log := lines(600_000)
	for _, version := range versions {
		c, sb, call := newSandbox(t, sandbox.WithVersion(version))
		sb.SetTrace(sandbox.JobRunning, log)
		ctx := WithCall(t.Context(), call)
		for _, p := range []TraceRange{{Offset: 5, Limit: 10}, {Offset: 599_990}, {Offset: 100_000, Limit: 512_000}, {Offset: 600_000}} {
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
		trace := TraceRange{Offset: 5, HasOffset: true, HasLimit: true, Limit: 512_001}
		if version == sandbox.VersionCurrent {
			_, err := c.Trace(ctx, sandbox.ProjectWidgets, sandbox.JobRunning, trace, nil)
			if e := wantError(t, err, Answered); e.Status != 400 {
				t.Errorf("got %v", e)
			}
		}
	}
}

// What is known of one machine proves nothing of another's answer, least of all for a log
// that repeats itself.
func TestLogThatRepeatsItselfOnMixedMachines(t *testing.T) {
	s := &logServer{log: bytes.Repeat([]byte("a"), 300_000)}
	c := newClient(t, s.ServeHTTP)
	read := func(ask TraceRange, want int) {
		t.Helper()
		if got, _ := readTrace(t, c, ask); len(got) != want {
			t.Errorf("%+v: %d bytes, want %d", ask, len(got), want)
		}
	}
	for range 2 {
		s.slices = false
		read(TraceRange{Offset: 5, Limit: 10}, 10)
		read(TraceRange{Offset: 200_000, Limit: 400_000}, 100_000)
		s.slices = true
		read(TraceRange{Offset: 131_288, Limit: 500_000}, 168_712)
		read(TraceRange{Offset: 285_579}, 14_421)
	}
}
