package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// logServer is a GitLab with one log; contract section 10.
type logServer struct {
	mu      sync.Mutex
	log     []byte
	slices  bool // honours byte_offset and byte_limit
	ranges  bool // a front end honours the header Range
	chunked bool // announces no length of a whole answer
	asked   []string
}

func (s *logServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	log, query := s.log, r.URL.Query()
	s.asked = append(s.asked, r.URL.RawQuery+r.Header.Get("Range"))
	if s.slices {
		log = part(log, query.Get("byte_offset"), query.Get("byte_limit"))
	}
	chunked, ranges := s.chunked, s.ranges
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain")
	if ranges && r.Header.Get("Range") != "" {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(log))
		return
	}
	if !chunked {
		w.Header().Set("Content-Length", strconv.Itoa(len(log)))
	}
	w.WriteHeader(http.StatusOK)
	if chunked {
		_ = http.NewResponseController(w).Flush()
	}
	_, _ = w.Write(log)
}

func part(log []byte, offset, limit string) []byte {
	if n, err := strconv.Atoi(offset); err == nil {
		log = log[min(n, len(log)):]
	}
	if n, err := strconv.Atoi(limit); err == nil {
		log = log[:min(n, len(log))]
	}
	return log
}

func (s *logServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *logServer) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := strings.Join(s.asked, " ")
	s.asked = nil
	return asked
}

// lines is a log of n bytes whose lines differ.
func lines(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d\x1b[0;m line %s\r\n", i, strings.Repeat("x", i%80))
	}
	return b.Bytes()[:n]
}

func readTrace(t testing.TB, c *Client, part TraceRange) (string, int64) {
	t.Helper()
	trace, err := c.Trace(t.Context(), "1", 7, part, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = trace.Close() }()
	log, err := io.ReadAll(trace)
	if err != nil {
		t.Fatal(err)
	}
	return string(log), trace.Size()
}

// each runs a test against every sort of GitLab.
func each(t *testing.T, run func(t *testing.T, s *logServer)) {
	t.Helper()
	for i := range 6 {
		s := &logServer{slices: i%3 == 1, ranges: i%3 == 2, chunked: i < 3}
		t.Run(fmt.Sprintf("slices=%v,ranges=%v,chunked=%v", s.slices, s.ranges, s.chunked), func(t *testing.T) { run(t, s) })
	}
}

func TestTrace(t *testing.T) {
	each(t, func(t *testing.T, s *logServer) {
		t.Helper()
		for _, size := range []int{0, 2, 100, 1_200_000} {
			s.set(func() { s.log = lines(size) })
			for _, offset := range []int{0, 1, 50, 99, 100, 101, 600_000, 2_000_000} {
				for _, limit := range []int{0, 1, 50, 100, 512_000, 512_001, 3_000_000} {
					c := newClient(t, s.ServeHTTP)
					if s.ranges {
						c.slices.ignored()
					}
					got, known := readTrace(t, c, TraceRange{Offset: int64(offset), Limit: int64(limit)})
					want := string(s.log[min(offset, size):])
					if limit > 0 {
						want = want[:min(limit, len(want))]
					}
					if got != want {
						t.Errorf("%d bytes from %d, at most %d, are %d bytes, want %d", size, offset, limit, len(got), len(want))
					}
					if known != -1 && known != int64(size) {
						t.Errorf("size is %d, want %d", known, size)
					}
				}
			}
		}
	})
}

func TestTraceSize(t *testing.T) {
	s := &logServer{log: lines(1000)}
	c := newClient(t, s.ServeHTTP)
	for part, want := range map[TraceRange]int64{
		{}: 1000, {Offset: 10}: 1000, {Limit: 10}: 1000, {Limit: 5000}: 1000, {Limit: 1 << 30}: 1000,
		{Limit: 1000}: -1, // an answer of just as much as was asked for may go on
	} {
		if _, got := readTrace(t, c, part); got != want {
			t.Errorf("%+v: size is %d, want %d", part, got, want)
		}
	}
}

func TestEmptyLogTellsNothing(t *testing.T) {
	s := &logServer{slices: true}
	c := newClient(t, s.ServeHTTP)
	if got, _ := readTrace(t, c, TraceRange{Offset: 5}); got != "" {
		t.Errorf("got %q", got)
	}
	if _, known := c.slices.load(); known {
		t.Error("an empty log told something")
	}
}

func TestSlicesNoLongerHonoured(t *testing.T) {
	each(t, func(t *testing.T, s *logServer) {
		t.Helper()
		if !s.slices {
			return
		}
		s.log = lines(1000)
		c := newClient(t, s.ServeHTTP)
		readTrace(t, c, TraceRange{Offset: 5})
		s.set(func() { s.slices = false })
		trace, err := c.Trace(t.Context(), "1", 7, TraceRange{Offset: 500, Limit: 10}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = trace.Close() }()
		if got, err := io.ReadAll(trace); err != nil || !bytes.Equal(got, s.log[500:510]) {
			t.Errorf("got %q, %v", got, err)
		}
		if got, _ := readTrace(t, c, TraceRange{Offset: 500, Limit: 10}); got != string(s.log[500:510]) {
			t.Errorf("afterwards got %q", got)
		}
	})
}

// Behind one address there may be machines that know of parts and others that don't:
// whichever answers, the part is the right one.
func TestMachinesOfTwoVersions(t *testing.T) {
	each(t, func(t *testing.T, s *logServer) {
		t.Helper()
		s.log = lines(100_000)
		for turn := range 4 {
			asked := 0
			c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
				s.set(func() { s.slices = asked < 2+turn })
				asked++
				s.ServeHTTP(w, r)
			})
			for _, part := range []TraceRange{{Offset: 70_000}, {Offset: 70_000, Limit: 600_000}, {Offset: 70_000, Limit: 30}} {
				want := s.log[70_000:]
				if part.Limit > 0 {
					want = want[:min(part.Limit, int64(len(want)))]
				}
				if got, _ := readTrace(t, c, part); got != string(want) {
					t.Errorf("%d requests honoured, %+v: %d bytes, want %d", 2+turn, part, len(got), len(want))
				}
			}
		}
	})
}

func TestIgnoredSlicesAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m partMemory
		m.ignored()
		if honoured, known := m.load(); honoured || !known {
			t.Error("not remembered")
		}
		time.Sleep(forgetIgnored)
		if _, known := m.load(); known {
			t.Error("remembered forever")
		}
		m.honoured()
		if honoured, known := m.load(); !honoured || !known {
			t.Error("not remembered")
		}
	})
}

func TestTraceRequest(t *testing.T) {
	var got *http.Request
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		respond(200, "text/plain", "log")(w, r)
	})
	trace, err := c.Trace(t.Context(), "group/app", 7, TraceRange{}, param("x", "y"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = trace.Close() }()
	if got.RequestURI != "/api/v4/projects/group%2Fapp/jobs/7/trace?x=y" || got.Header.Get("Accept") != "*/*" {
		t.Errorf("asked %s %v", got.RequestURI, got.Header)
	}
	for _, name := range []string{"byte_offset", "byte_limit", "token"} {
		_, err := c.Trace(t.Context(), "1", 7, TraceRange{}, param(name, "1"))
		wantError(t, err, Invalid)
	}
}

func TestTraceRefusals(t *testing.T) {
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		kind    Kind
	}{
		"forbidden": {respond(403, "application/json", `{"message":"403 Forbidden"}`), Answered},
		"log-in":    {respond(200, "text/html", "<title>Sign in</title>"), Malformed},
		"JSON":      {respond(200, "application/json", "{}"), Malformed},
		"created":   {respond(201, "text/plain", "x"), Malformed},
		"elsewhere": {http.RedirectHandler("https://evil.example.com/", http.StatusFound).ServeHTTP, Redirected},
	} {
		for _, offset := range []int64{0, 5} {
			c := newClient(t, row.handler)
			_, err := c.Trace(t.Context(), "1", 7, TraceRange{Offset: offset}, nil)
			e := wantError(t, err, row.kind)
			if e.Op != "read log of job 7 of 1" || len(e.Body) == 0 && name != "elsewhere" {
				t.Errorf("%s: got %#v", name, e)
			}
		}
	}
}

func TestTraceTypes(t *testing.T) {
	for _, contentType := range []string{"text/plain", "text/plain; charset=utf-8", "application/octet-stream"} {
		c := newClient(t, respond(200, contentType, "a\xffb"))
		if got, _ := readTrace(t, c, TraceRange{}); got != "a\xffb" {
			t.Errorf("%s: got %q", contentType, got)
		}
	}
}

func TestShortLogIsNoEnd(t *testing.T) {
	for name, end := range map[string]func(net.Conn){"closed": func(net.Conn) {}, "reset": reset} {
		for _, header := range []string{"Content-Length: 10\r\n\r\nabcd", "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"} {
			seen := make(chan struct{})
			c := rawClient(t, func(conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"+header)
				<-seen // a reset may overtake bytes
				end(conn)
			})
			trace, err := c.Trace(t.Context(), "1", 7, TraceRange{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			first := make([]byte, 4)
			_, err = io.ReadFull(trace, first)
			close(seen)
			if err != nil || string(first) != "abcd" {
				t.Errorf("%s: got %q, %v", name, first, err)
			}
			_, err = io.ReadAll(trace)
			if e := wantError(t, err, Interrupted); e.Status != 200 {
				t.Errorf("%s: got %#v", name, e)
			}
			if _, again := trace.Read(first); again != err {
				t.Errorf("%s: then %v", name, again)
			}
			_ = trace.Close()
		}
	}
}

func TestAnnouncedLengthOfAnyTransport(t *testing.T) {
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		body := io.NopCloser(iotest.OneByteReader(strings.NewReader("abcd")))
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: 10, Body: body}, nil
	})
	trace, err := c.Trace(t.Context(), "1", 7, TraceRange{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = trace.Close() }()
	got, err := io.ReadAll(trace)
	wantError(t, err, Interrupted)
	if string(got) != "abcd" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v", got, err)
	}
}

// slowBody brings a byte after each of the waits, then hangs.
type slowBody struct {
	ctx   context.Context //nolint:containedctx // of the request
	waits []time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if len(b.waits) == 0 {
		<-b.ctx.Done()
		return 0, context.Cause(b.ctx)
	}
	time.Sleep(b.waits[0])
	b.waits = b.waits[1:]
	p[0] = 'x'
	return 1, nil
}

func (b *slowBody) Close() error { return nil }

func slowLog(header time.Duration, waits ...time.Duration) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		select {
		case <-time.After(header):
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
		body := &slowBody{req.Context(), waits}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: -1, Body: body}, nil
	}
}

func TestIdleLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const nearly = 29 * time.Second
		c := functionClient(t, slowLog(2*nearly, nearly, nearly, nearly), WithTimeout(time.Second))
		start := time.Now()
		trace, err := c.Trace(t.Context(), "1", 7, TraceRange{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = trace.Close() }()
		one := make([]byte, 1)
		if _, err := trace.Read(one); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // a slow reader is no idle log
		got, err := io.ReadAll(trace)
		if e := wantError(t, err, Interrupted); !errors.Is(e, ErrLogIdle) || len(got) != 2 {
			t.Errorf("got %q, %v", got, e)
		}
		if took := time.Since(start) - time.Hour; took != 5*nearly+30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestLogHeaderIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := functionClient(t, slowLog(time.Hour))
		start := time.Now()
		_, err := c.Trace(t.Context(), "1", 7, TraceRange{}, nil)
		if e := wantError(t, err, Interrupted); !errors.Is(e, ErrLogIdle) || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v", time.Since(start), e)
		}
	})
}

func TestReaderOfLogLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := functionClient(t, slowLog(0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		trace, err := c.Trace(ctx, "1", 7, TraceRange{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = trace.Close() }()
		_, err = io.ReadAll(trace)
		if e := wantError(t, err, Interrupted); !errors.Is(e, context.DeadlineExceeded) || errors.Is(e, ErrLogIdle) {
			t.Errorf("got %v", e)
		}
	})
}

func TestCloseEndsARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := functionClient(t, slowLog(0))
		trace, err := c.Trace(t.Context(), "1", 7, TraceRange{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { time.Sleep(time.Second); _ = trace.Close() }()
		if _, err := io.ReadAll(trace); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}
