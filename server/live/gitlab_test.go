package live

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fakeGitLab is a GitLab with one job, number 7, whose log does what a test wants;
// contract section 10. It is a transport, since a bubble has no sockets.
type fakeGitLab struct {
	mu       sync.Mutex
	log      []byte
	status   string
	started  bool
	erased   bool
	slices   bool
	chunked  bool           // announces no length
	etags    bool           // of jobs and logs
	refused  map[string]int // status for a token, or for "token as user", or "token project"
	down     bool           // answers 502 to all
	panics   bool           // whoever asks falls down
	cut      int            // so many answers of logs break off
	empty    int            // so many answers of logs are empty
	flaky    func() bool    // whether an answer is a 502
	delay    time.Duration  // before each answer
	hole     [2]int         // from and to where the log is lost, though it goes on behind
	cost     cost
	versions [][]byte // what the log was before it was rewritten
}

// cost is what was asked and sent.
type cost struct {
	requests, jobs int   // all but checks; those for the job
	bytes          int64 // of bodies
	same           int   // 304 for a log
	checks         map[string]int
}

func newFake() *fakeGitLab {
	return &fakeGitLab{
		status: "running", started: true, slices: true, etags: true,
		refused: map[string]int{}, cost: cost{checks: map[string]int{}},
	}
}

func (g *fakeGitLab) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

// grow appends n bytes of lines that do not repeat.
func (g *fakeGitLab) grow(n int) {
	g.set(func() {
		end := len(g.log) + n
		for len(g.log) < end {
			g.log = fmt.Appendf(g.log, "%d %x line %d\r\n", len(g.log), rand.Uint64(), rand.IntN(1e9))
		}
		g.log = g.log[:end]
	})
}

func (g *fakeGitLab) end(status string) { g.set(func() { g.status = status }) }

// rewrite makes the log another one.
func (g *fakeGitLab) rewrite(log []byte) {
	g.set(func() {
		g.versions = append(g.versions, g.log)
		g.log = bytes.Clone(log)
	})
}

func (g *fakeGitLab) content() []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clip(g.log)
}

func (g *fakeGitLab) spent() (c cost, checks int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.cost.checks {
		checks += n
	}
	return g.cost, checks
}

// RoundTrip answers after a while.
func (g *fakeGitLab) RoundTrip(r *http.Request) (*http.Response, error) {
	if g.delay > 0 {
		wait := time.NewTimer(g.delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	query, token := r.URL.Query(), r.Header.Get("Private-Token")
	check := r.Method == http.MethodHead || query.Get("byte_limit") == "1"
	if check {
		g.cost.checks[token+" "+r.Header.Get("Sudo")+" "+project(r)]++
	} else {
		g.cost.requests++
	}
	if g.panics {
		panic("fell down")
	}
	switch {
	case g.down, g.flaky != nil && g.flaky():
		return answer(r, 502, "text/html", []byte("down")), nil
	case g.no(r) != 0:
		return answer(r, g.no(r), "application/json", []byte(`{"message":"no"}`)), nil
	case !strings.HasSuffix(r.URL.Path, "/trace"):
		return g.job(r), nil
	}
	return g.trace(r, check), nil
}

// project is how it is spelled.
func project(r *http.Request) string {
	_, rest, _ := strings.Cut(r.URL.EscapedPath(), "/projects/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// no is the status of a refusal, or 0.
func (g *fakeGitLab) no(r *http.Request) int {
	token, sudo := r.Header.Get("Private-Token"), r.Header.Get("Sudo")
	return max(g.refused[token], g.refused[token+" as "+sudo], g.refused[token+" "+project(r)])
}

func (g *fakeGitLab) job(r *http.Request) *http.Response {
	g.cost.jobs++
	startedAt, erasedAt := "null", "null"
	if g.started {
		startedAt = `"2026-01-02T03:04:05.678Z"`
	}
	if g.erased {
		erasedAt = `"2026-01-02T03:14:05.678Z"`
	}
	tag := fmt.Sprintf(`W/"%s-%v-%v"`, g.status, g.started, g.erased)
	if g.etags && r.Header.Get("If-None-Match") == tag {
		return answer(r, http.StatusNotModified, "", nil)
	}
	body := fmt.Appendf(nil, `{"id":7,"status":%q,"name":"build","started_at":%s,"erased_at":%s,"commit":{"message":%q}}`,
		g.status, startedAt, erasedAt, strings.Repeat("why ", 500))
	g.cost.bytes += int64(len(body))
	resp := answer(r, http.StatusOK, "application/json", body)
	if g.etags {
		resp.Header.Set("Etag", tag)
	}
	return resp
}

func (g *fakeGitLab) trace(r *http.Request, check bool) *http.Response {
	body := g.log
	if g.slices {
		query := r.URL.Query()
		if n, err := strconv.Atoi(query.Get("byte_offset")); err == nil {
			body = body[min(n, len(body)):]
			if n < g.hole[1] {
				body = body[:min(max(g.hole[0]-n, 0), len(body))]
			}
		}
		if n, err := strconv.Atoi(query.Get("byte_limit")); err == nil {
			body = body[:min(n, len(body))]
		}
	}
	if r.Method == http.MethodHead {
		resp := answer(r, http.StatusOK, "text/plain", nil)
		resp.ContentLength = int64(len(body))
		return resp
	}
	if g.empty > 0 && !check {
		g.empty--
		body = nil
	}
	resp := answer(r, http.StatusOK, "text/plain", body)
	if tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(body)); g.etags && len(body) > 0 && g.cut == 0 {
		if r.Header.Get("If-None-Match") == tag {
			g.cost.same++
			return answer(r, http.StatusNotModified, "", nil)
		}
		resp.Header.Set("Etag", tag)
	}
	if g.cut > 0 && len(body) > 0 && !check {
		g.cut--
		body = body[:len(body)/2]
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), broken{}))
	}
	if g.chunked {
		resp.ContentLength = -1
	}
	if !check {
		g.cost.bytes += int64(len(body))
	}
	return resp
}

// broken is a connection that was lost.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func answer(r *http.Request, status int, contentType string, body []byte) *http.Response {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Header: h, Request: r, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}
