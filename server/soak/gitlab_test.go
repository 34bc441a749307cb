package soak

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// gitlab is the sandbox behind a front that has troubles of its own, and counts.
type gitlab struct {
	*sandbox.Sandbox
	listener *bufconn.Listener
	server   *http.Server
	end      context.CancelFunc
	sent     atomic.Int64 // bytes of bodies
	asked    atomic.Int64

	mu       sync.Mutex
	whole    bool // ignores byte_offset and byte_limit
	chunked  bool // announces no length
	down     bool // answers 502 to all
	empty    int  // so many answers of the log are empty
	emptyEnd bool // but not those to a request with a limit
	lost     hole
	short    []int // lengths of the next answers of the log that break off
	lines    []*noted
}

func newGitLab() *gitlab {
	g := &gitlab{Sandbox: sandbox.New(), listener: bufconn.Listen(buffered)}
	ctx, end := context.WithCancel(context.Background())
	g.server = &http.Server{
		Handler:     http.HandlerFunc(g.front),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	g.end = end
	return g
}

// close ends it, also those answers that hang: net/http tells a handler that its client is gone
// unless the client has begun another request, which it does after the header of a HEAD.
func (g *gitlab) close() {
	g.end()
	_ = g.server.Close()
}

func (g *gitlab) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

// heal ends all troubles but those that a GitLab may live with.
func (g *gitlab) heal() {
	g.ClearFaults()
	g.set(func() { g.down, g.empty, g.short = false, 0, nil })
}

func (g *gitlab) front(w http.ResponseWriter, r *http.Request) {
	out := &answer{ResponseWriter: w, sent: &g.sent, left: -1, most: -1}
	log := strings.HasSuffix(r.URL.Path, "/trace") && r.Method == http.MethodGet
	query := r.URL.Query()
	whole := g.trouble(out, log && query.Get("byte_limit") != "1", query.Has("byte_limit"))
	line := g.note(r)
	defer func() {
		line.Store(fmt.Sprintf("%d, %d bytes of %s", out.status, out.written, cmp.Or(out.length, "?")))
	}()
	if out.down {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>502</html>")
		return
	}
	if whole && log {
		r = r.Clone(r.Context())
		r.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath}
		r.RequestURI = r.URL.RequestURI()
	}
	if log {
		out.keep(g.holed(query))
	}
	g.ServeHTTP(out, r)
	if length, err := strconv.Atoi(out.length); err == nil && out.chunked && out.written < length && r.Method != http.MethodHead {
		panic(http.ErrAbortHandler) // else the server would end it well
	}
}

// trouble takes the trouble for a request; whole says that it is for the whole log.
func (g *gitlab) trouble(out *answer, log, limited bool) (whole bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out.chunked, out.down = g.chunked, g.down
	switch {
	case !log:
	case g.empty > 0 && (!limited || !g.emptyEnd):
		g.empty--
		out.nothing = true
	case len(g.short) > 0:
		out.left, g.short = g.short[0], g.short[1:]
	}
	return g.whole
}

// holed is how many bytes can be read before the hole, -1 for all.
func (g *gitlab) holed(query url.Values) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	offset, _ := strconv.ParseInt(query.Get("byte_offset"), 10, 64)
	if g.lost.from >= g.lost.to || offset >= g.lost.to {
		return -1
	}
	return int(max(g.lost.from-offset, 0))
}

// note notes a request, and lets its answer be noted.
func (g *gitlab) note(r *http.Request) (answer *atomic.Value) {
	g.asked.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	line := &noted{at: time.Now(), what: fmt.Sprint(r.UserAgent(), " ", r.Method, " ", r.URL.RequestURI())}
	line.answer.Store("no answer")
	if len(g.lines) == 200 {
		g.lines = slices.Delete(g.lines, 0, 50)
	}
	g.lines = append(g.lines, line)
	return &line.answer
}

// noted is a request and its answer.
type noted struct {
	at     time.Time
	what   string
	answer atomic.Value
}

// answer is an answer of the sandbox on its way through the front.
type answer struct {
	http.ResponseWriter
	sent                   *atomic.Int64
	chunked, down, nothing bool
	left                   int // bytes until it breaks off, -1 for all
	status, written        int
	length                 string // as GitLab announces it
	most                   int    // bytes that there are, -1 for any number
}

// Unwrap lets the sandbox get at the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// keep makes the answer one of so many bytes.
func (a *answer) keep(most int) { a.most = most }

func (a *answer) WriteHeader(status int) {
	if length, err := strconv.Atoi(a.Header().Get("Content-Length")); err == nil && a.most >= 0 && a.most < length && status == http.StatusOK {
		a.Header().Set("Content-Length", strconv.Itoa(a.most))
	}
	a.status, a.length = status, a.Header().Get("Content-Length")
	switch {
	case a.nothing && status == http.StatusOK:
		a.Header().Set("Content-Length", "0")
		a.length = "0"
	case a.chunked:
		a.Header().Del("Content-Length")
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	whole := len(p)
	switch {
	case a.nothing:
		return whole, nil
	case a.most >= 0:
		p = p[:min(whole, a.most)]
		a.most -= len(p)
	case a.left >= 0:
		p = p[:min(whole, a.left)]
		a.left -= len(p)
	}
	a.written += len(p)
	a.sent.Add(int64(len(p)))
	if _, err := a.ResponseWriter.Write(p); err != nil {
		return 0, err
	}
	return whole, nil
}
