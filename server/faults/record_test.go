package faults

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// whim is what GitLab makes of a write that has arrived whole, beside doing it.
type whim string

const (
	obeys      whim = ""
	refuses    whim = "409"
	limits     whim = "429"
	rests      whim = "503"
	breaks     whim = "500 before it is done"
	breaksLate whim = "500 once it is done"
	badGateway whim = "502 once it is done"
)

var whims = []whim{refuses, limits, rests, breaks, breaksLate, badGateway}

// arrival is a write that has arrived at GitLab, whole.
type arrival struct {
	name string // the attempt's
	path string
	whim whim
	done bool
	at   time.Time
	body []byte // of the answer
}

// gitlab is the sandbox, and the record of what it was told to do and did.
type gitlab struct {
	box  *sandbox.Sandbox
	rand func(n int) int
	odd  int // of a hundred writes, those that meet a whim

	mu       sync.Mutex
	arrivals map[string][]*arrival      // by path
	jobs     map[string]map[string]bool // the answers to reads of a job, by path
}

func newGitLab(seed uint64, odd int) *gitlab {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 2))
	return &gitlab{
		box: sandbox.New(), odd: odd,
		rand: func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return r.IntN(n)
		},
		arrivals: map[string][]*arrival{}, jobs: map[string]map[string]bool{},
	}
}

// ServeHTTP implements [http.Handler].
func (g *gitlab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil { // nobody carries out what was cut off
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Method != http.MethodPost {
		out := g.ask(r)
		if out.Code == http.StatusOK {
			g.mu.Lock()
			if g.jobs[r.URL.Path] == nil {
				g.jobs[r.URL.Path] = map[string]bool{}
			}
			g.jobs[r.URL.Path][out.Body.String()] = true
			g.mu.Unlock()
		}
		send(w, out)
		return
	}
	a := &arrival{name: r.Header.Get("Dpop"), path: r.URL.Path, at: time.Now()}
	if g.rand(100) < g.odd {
		a.whim = whims[g.rand(len(whims))]
	}
	out := httptest.NewRecorder()
	switch a.whim {
	case refuses:
		answer(out, http.StatusConflict, `{"message":"409 Conflict: Resource lock"}`)
	case limits:
		answer(out, http.StatusTooManyRequests, "Retry later\n")
	case rests:
		answer(out, http.StatusServiceUnavailable, "<html><title>GitLab is in maintenance</title></html>")
	case breaks:
		answer(out, http.StatusInternalServerError, `{"message":"500 Internal Server Error"}`)
	default:
		out = g.ask(r)
		a.done = out.Code/100 == 2
		a.body = bytes.Clone(out.Body.Bytes())
	}
	g.mu.Lock()
	g.arrivals[a.path] = append(g.arrivals[a.path], a)
	g.mu.Unlock()
	switch a.whim {
	case breaksLate:
		out = httptest.NewRecorder()
		answer(out, http.StatusInternalServerError, `{"message":"500 Internal Server Error"}`)
	case badGateway:
		out = httptest.NewRecorder()
		answer(out, http.StatusBadGateway, "<html><title>502</title></html>")
	}
	send(w, out)
}

func (g *gitlab) ask(r *http.Request) *httptest.ResponseRecorder {
	out := httptest.NewRecorder()
	g.box.ServeHTTP(out, r)
	return out
}

func answer(w http.ResponseWriter, status int, body string) {
	kind := "application/json"
	switch body[0] {
	case '<':
		kind = "text/html"
	case 'R':
		kind = "text/plain"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func send(w http.ResponseWriter, out *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), out.Header())
	w.Header().Set("Content-Length", strconv.Itoa(out.Body.Len()))
	w.WriteHeader(out.Code)
	_, _ = w.Write(out.Body.Bytes())
}

// of is what arrived of one write.
func (g *gitlab) of(path string) []*arrival {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*arrival(nil), g.arrivals[path]...)
}

// reads are all answers to reads of the job of a write.
func (g *gitlab) reads(write string) (bodies []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for body := range g.jobs[write[:strings.LastIndexByte(write, '/')]] {
		bodies = append(bodies, body)
	}
	return bodies
}
