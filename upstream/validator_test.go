package upstream

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// look reads a part to its end, and closes it.
func look(t testing.TB, c *Client, call *Call, part TraceRange) (*TraceReader, string) {
	t.Helper()
	trace, err := c.Trace(WithCall(t.Context(), call), "1", sandbox.JobRunning, part, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(trace)
	if err != nil {
		t.Fatal(err)
	}
	_ = trace.Close()
	return trace, string(got)
}

// TestLookThatBringsNothing: whoever looks again at a log that is as it was is sent none of it,
// whichever way it is asked for.
func TestLookThatBringsNothing(t *testing.T) {
	log := lines(5000)
	for name, row := range map[string]struct {
		opts  []sandbox.Option
		asked string
	}{
		"parts":     {nil, "byte_offset=4744"},
		"whole":     {[]sandbox.Option{sandbox.WithVersion(sandbox.VersionOld)}, ""},
		"by header": {[]sandbox.Option{sandbox.WithVersion(sandbox.VersionOld), sandbox.WithRangeFront()}, "bytes=4744-"},
	} {
		t.Run(name, func(t *testing.T) {
			c, sb, call := newSandbox(t, row.opts...)
			sb.SetTrace(sandbox.JobRunning, log)
			var before Validator
			for range 3 { // what works here is found out
				trace, got := look(t, c, call, TraceRange{Offset: 4744})
				if got != string(log[4744:]) || trace.NotModified() {
					t.Fatalf("got %d bytes", len(got))
				}
				before = trace.Validator()
			}
			part := TraceRange{Offset: 4744, Validator: before}
			for range 2 {
				trace, got := look(t, c, call, part)
				if got != "" || !trace.NotModified() || trace.Received() != 0 || trace.Length() != 0 || trace.Size() != -1 {
					t.Errorf("%d bytes, %d received, of %d, size %d", len(got), trace.Received(), trace.Length(), trace.Size())
				}
				if part.Validator = trace.Validator(); part.Validator != before || before == (Validator{}) {
					t.Errorf("the validator is %v, was %v", part.Validator, before)
				}
			}
			requests := sb.Requests()
			last := requests[len(requests)-1]
			if asked := last.Query + last.Header.Get("Range"); asked != row.asked || last.Header.Get("If-None-Match") != before.String() {
				t.Errorf("asked %q, %v", asked, last.Header)
			}
			sb.GrowTrace(sandbox.JobRunning, []byte("more\n"))
			trace, got := look(t, c, call, part)
			if got != string(log[4744:])+"more\n" || trace.NotModified() || trace.Validator() == before {
				t.Errorf("then %d bytes, not modified: %v", len(got), trace.NotModified())
			}
		})
	}
}

// TestValidatorOfAnotherRequest: a condition goes with the very same request only.
func TestValidatorOfAnotherRequest(t *testing.T) {
	c, sb, call := newSandbox(t)
	sb.SetTrace(sandbox.JobRunning, bytes.Repeat([]byte("x"), 5000))
	part := TraceRange{Offset: 4000, Limit: 500}
	trace, _ := look(t, c, call, part)
	part.Validator = trace.Validator()
	if part.Validator == (Validator{}) {
		t.Fatal("no validator")
	}
	other, otherSandbox, _ := newSandbox(t)
	otherSandbox.SetTrace(sandbox.JobRunning, bytes.Repeat([]byte("x"), 5000))
	with := func(change func(*Call)) *Call {
		changed := Call{Credential: call.Credential}
		change(&changed)
		return &changed
	}
	for name, row := range map[string]struct {
		c    *Client
		call *Call
		part TraceRange
	}{
		"another offset":     {c, call, TraceRange{Offset: 4001, Limit: 500, Validator: part.Validator}},
		"another limit":      {c, call, TraceRange{Offset: 4000, Limit: 501, Validator: part.Validator}},
		"the whole":          {c, call, TraceRange{Validator: part.Validator}},
		"another credential": {c, with(func(c *Call) { c.Credential.PrivateToken = sandbox.TokenDeveloper }), part},
		"another header":     {c, with(func(c *Call) { c.Forward = http.Header{"Origin": {"https://a.example"}} }), part},
		"another client":     {other, call, part},
	} {
		trace, got := look(t, row.c, row.call, row.part)
		if trace.NotModified() || got == "" {
			t.Errorf("%s: not modified", name)
		}
	}
	for _, r := range append(sb.Requests(), otherSandbox.Requests()...) {
		if r.Header.Get("If-None-Match") != "" {
			t.Errorf("asked %s on condition %s", r.Query, r.Header.Get("If-None-Match"))
		}
	}
	if trace, _ := look(t, c, call, part); !trace.NotModified() {
		t.Error("the same request is without condition")
	}
}

// The ETag of a part by Range is that of the whole log, and so the same for all parts.
func TestValidatorOfAnotherPartByRange(t *testing.T) {
	c, sb, call := newSandbox(t, sandbox.WithVersion(sandbox.VersionOld), sandbox.WithRangeFront())
	log := lines(5000)
	sb.SetTrace(sandbox.JobRunning, log)
	c.slices.ignored()
	trace, _ := look(t, c, call, TraceRange{Offset: 4000})
	for _, p := range []TraceRange{{Offset: 3000}, {Offset: 4000, Limit: 10}, {Offset: 4000, Limit: 1000}, {Limit: 10}, {}} {
		p.Validator = trace.Validator()
		want := part(log, fmt.Sprint(p.Offset), limitOf(p))
		if trace, got := look(t, c, call, p); got != string(want) || trace.NotModified() {
			t.Errorf("%+v: %d bytes, not modified: %v", p, len(got), trace.NotModified())
		}
	}
}

// TestValidatorOfAnAnswerThatWasNotTaken: who has not read all of an answer has no validator,
// with which the rest would be passed over.
func TestValidatorOfAnAnswerThatWasNotTaken(t *testing.T) {
	const log = "0123456789"
	etag := func(tags ...string) http.Header {
		return http.Header{"Content-Type": {"text/plain"}, "Etag": tags}
	}
	for name, row := range map[string]struct {
		part   TraceRange
		header http.Header
		length int64
		read   int
		want   bool
	}{
		"read":                      {TraceRange{}, etag(`W/"a"`), 10, 99, true},
		"read, of unknown length":   {TraceRange{}, etag(`"a"`), -1, 99, true},
		"read from an offset":       {TraceRange{Offset: 4}, etag(`"a"`), 10, 99, true},
		"offset beyond the end":     {TraceRange{Offset: 40}, etag(`"a"`), 10, 99, true},
		"up to a limit at the end":  {TraceRange{Offset: 4, Limit: 6}, etag(`"a"`), 10, 99, true},
		"up to a limit":             {TraceRange{Limit: 9}, etag(`"a"`), 10, 99, false},
		"up to a limit, peeked at":  {TraceRange{Offset: 4, Limit: 5}, etag(`"a"`), 10, 99, false},
		"nothing":                   {TraceRange{}, etag(`"a"`), 10, 0, false},
		"all, but not that it ends": {TraceRange{}, etag(`"a"`), 10, 10, false},
		"all, of unknown length":    {TraceRange{}, etag(`"a"`), -1, 10, false},
		"some":                      {TraceRange{}, etag(`"a"`), 10, 3, false},
		"cut short":                 {TraceRange{}, etag(`"a"`), 11, 99, false},
		"no ETag":                   {TraceRange{}, etag(), 10, 99, false},
		"two ETags":                 {TraceRange{}, etag(`"a"`, `"b"`), 10, 99, false},
		"an ETag that is none":      {TraceRange{}, etag(`a`), 10, 99, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := functionClient(t, func(*http.Request) (*http.Response, error) {
				body := io.NopCloser(strings.NewReader(log))
				return &http.Response{StatusCode: http.StatusOK, Header: row.header, Body: body, ContentLength: row.length}, nil
			})
			c.slices.ignored()
			c.ranges.ignored()
			trace, err := c.Trace(t.Context(), "1", 7, row.part, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = trace.Close() }()
			buf := make([]byte, row.read)
			_, _ = io.ReadFull(trace, buf)
			if got := trace.Validator(); (got != Validator{}) != row.want {
				t.Errorf("the validator is %q", got)
			}
		})
	}
}

// TestOddAnswersOfALog304: only a 304 that was asked for, and is about the answer that was
// asked with, says that nothing is new.
func TestOddAnswersOfALog304(t *testing.T) {
	for name, row := range map[string]struct {
		etags []string // of the 304
		asked string
	}{
		"the same":            {[]string{`W/"a"`}, `W/"a"`},
		"the same, but weak":  {[]string{`"a"`}, `W/"a"`},
		"none":                {nil, `W/"a"`},
		"another":             {[]string{`W/"b"`}, `W/"a" `},
		"the same and others": {[]string{`W/"a"`, `W/"b"`}, `W/"a" `},
	} {
		var asked []string
		held := false
		c := functionClient(t, func(req *http.Request) (*http.Response, error) {
			condition := req.Header.Get("If-None-Match")
			if held {
				asked = append(asked, condition)
			}
			resp := partial(200, "0123456789")
			resp.Header["Etag"] = []string{`W/"a"`}
			if condition != "" {
				resp = partial(304, "")
				resp.Header["Etag"] = row.etags
			}
			return resp, nil
		})
		trace, _ := look(t, c, &Call{}, TraceRange{})
		held = true
		again, got := look(t, c, &Call{}, TraceRange{Validator: trace.Validator()})
		if same := len(asked) == 1; again.NotModified() != same || (again.Size() == -1) != same || (got == "") != same || strings.Join(asked, " ") != row.asked {
			t.Errorf("%s: not modified %v, %q, asked %q", name, again.NotModified(), got, asked)
		}
	}
	c := functionClient(t, func(*http.Request) (*http.Response, error) { return partial(304, ""), nil })
	for _, p := range []TraceRange{{}, {Offset: 5}, {Validator: Validator{etag: `"a"`}}} {
		_, err := c.Trace(t.Context(), "1", 7, p, nil)
		wantError(t, err, Malformed)
	}
}

// TestValidatorWhenTheWholeIsAskedFor: a part that cannot be told from the whole log is read as
// that, and the condition is on that request, not on those that come before it.
func TestValidatorWhenTheWholeIsAskedFor(t *testing.T) {
	c, sb, call := newSandbox(t)
	sb.SetTrace(sandbox.JobRunning, bytes.Repeat([]byte("x"), 5000))
	c.ranges.ignored()
	part := TraceRange{Offset: 100}
	trace, got := look(t, c, call, part)
	if len(got) != 4900 || trace.Received() != 5000 {
		t.Fatalf("%d bytes, %d received", len(got), trace.Received())
	}
	part.Validator = trace.Validator()
	before := len(sb.Requests())
	if trace, _ := look(t, c, call, part); !trace.NotModified() || trace.Received() != 0 {
		t.Errorf("%d received", trace.Received())
	}
	var asked []string
	for _, r := range sb.Requests()[before:] {
		asked = append(asked, fmt.Sprintf("%s %v", r.Query, r.Header.Get("If-None-Match") != ""))
	}
	if got := strings.Join(asked, ", "); got != "byte_offset=100 false, "+headRequest+" false,  true" {
		t.Errorf("asked %q", got)
	}
}

// etags answers requests of which nothing has changed with 304.
func etags(s *logServer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := s.log
		if s.slices {
			body = part(body, r.URL.Query().Get("byte_offset"), r.URL.Query().Get("byte_limit"))
		}
		tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(body))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		s.ServeHTTP(w, r)
	}
}

// TestValidatorOfALaterOffset: of a log that is sent whole, an answer that was taken from a
// later offset on says nothing of what is before that.
func TestValidatorOfALaterOffset(t *testing.T) {
	s := &logServer{log: lines(3000)}
	c := newClient(t, etags(s))
	c.slices.ignored()
	c.ranges.ignored()
	trace, _ := look(t, c, &Call{}, TraceRange{Offset: 1000})
	held := trace.Validator()
	for _, offset := range []int64{0, 999} {
		if trace, got := look(t, c, &Call{}, TraceRange{Offset: offset, Validator: held}); got != string(s.log[offset:]) {
			t.Errorf("from %d: %d bytes, not modified: %v", offset, len(got), trace.NotModified())
		}
	}
	for _, offset := range []int64{1000, 2000, 9000} {
		trace, _ := look(t, c, &Call{}, TraceRange{Offset: offset, Validator: held})
		if !trace.NotModified() || trace.Validator() != held {
			t.Errorf("from %d: not modified: %v", offset, trace.NotModified())
		}
	}
}

// TestFollowOnCondition: who follows a log with validators, as it grows, on machines of all
// sorts, has all of it after each look.
func TestFollowOnCondition(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	quiet := 0
	for range 300 {
		s := &logServer{log: lines(random.IntN(4000)), chunked: random.IntN(2) == 0}
		mixed := random.IntN(2) == 0
		s.slices, s.ranges = random.IntN(2) == 0, random.IntN(2) == 0
		handler := etags(s)
		c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
			if mixed {
				s.slices, s.ranges = random.IntN(2) == 0, random.IntN(2) == 0
			}
			handler(w, r)
		})
		var held []byte
		var validator Validator
		for range 12 {
			overlap := min(len(held), 256)
			trace, got := look(t, c, &Call{}, TraceRange{Offset: int64(len(held) - overlap), Validator: validator})
			if trace.NotModified() {
				quiet++
			} else {
				held = append(held[:len(held)-overlap], got...)
			}
			validator = trace.Validator()
			if !bytes.Equal(held, s.log) {
				t.Fatalf("%d bytes of %d; not modified: %v", len(held), len(s.log), trace.NotModified())
			}
			if random.IntN(3) == 0 {
				s.log = lines(len(s.log) + random.IntN(700))
			}
		}
	}
	if quiet < 500 {
		t.Errorf("only %d looks brought nothing", quiet)
	}
}

// BenchmarkQuietLook is a look at a log of 8 MB that has not changed, of a GitLab that sends
// it whole.
func BenchmarkQuietLook(b *testing.B) {
	s := &logServer{log: lines(8 << 20)}
	c := newClient(b, etags(s))
	c.slices.ignored()
	c.ranges.ignored()
	trace, _ := look(b, c, &Call{}, TraceRange{Offset: 5})
	held := trace.Validator()
	b.ReportAllocs()
	for b.Loop() {
		if trace, _ := look(b, c, &Call{}, TraceRange{Offset: 5, Validator: held}); !trace.NotModified() {
			b.Fatal("modified")
		}
	}
}
