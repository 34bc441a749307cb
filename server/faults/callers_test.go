package faults

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// heard is a GitLab that notes all that it is asked for.
type heard struct {
	*gitlab

	mu     sync.Mutex
	writes map[string][]string // by path: query, content type and body
	reads  map[string]bool     // path and query
}

func newHeard() *heard {
	return &heard{gitlab: newGitLab(1, 0), writes: map[string][]string{}, reads: map[string]bool{}}
}

// ServeHTTP implements [http.Handler].
func (h *heard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil { // nobody carries out what was cut off
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	if r.Method == http.MethodPost {
		said := fmt.Sprintf("%s?%s %s %s", r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type"), body)
		h.writes[r.URL.Path] = append(h.writes[r.URL.Path], said)
	} else {
		h.reads[r.URL.RequestURI()] = true
	}
	h.mu.Unlock()
	if bytes.Contains(body, []byte("inputs")) { // which no job of ours declares
		body = nil
		r.Header.Del("Content-Type")
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	h.gitlab.ServeHTTP(w, r)
}

// said is what arrived of a write.
func (h *heard) said(w *write) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.writes[w.path()])
}

// gate is a gateway, and the GitLab behind it.
type gate struct {
	*gateway

	gitlab *heard
}

func newGate(t *testing.T) gate {
	t.Helper()
	h := newHeard()
	g := gate{start(t, "http://"+serveHTTP(t, h), setting{
		Config: server.Config{ShutdownTimeout: time.Second},
		client: []upstream.Option{upstream.WithQuota(false), upstream.WithCircuit(false), upstream.WithCache(0), upstream.WithNegativeCache(0)},
	}), h}
	g.serves(t) // all that is made once
	return g
}

// idle closes what is not in use.
func (g gate) idle() {
	g.api.Close()
	g.web.CloseIdleConnections()
}

// wantIdle asserts that nothing of all callers is left, and that the next one is served.
func (g gate) wantIdle(t *testing.T, before usage) {
	t.Helper()
	after := measure(g.idle, &before)
	t.Logf("before: %v; after: %v", before, after)
	after.heap = before.heap // GitLab remembers all
	after.wantAsBefore(t, before)
	if s := g.api.GuardStats().Slots; s.Held != 0 || s.Waiting != 0 {
		t.Errorf("%d slots are held, %d waited for", s.Held, s.Waiting)
	}
	g.serves(t)
}

// serves asserts that it serves on both faces.
func (g gate) serves(t *testing.T) {
	t.Helper()
	for _, f := range []face{overGRPC, overREST} {
		w := newWrite(g.gitlab.box, "retry")
		if a := w.attempt(g, f); a.claim != done {
			t.Errorf("over %s: %s: %s", f, a.claim, a.words)
		}
	}
}

// attempt makes one over a good network.
func (w *write) attempt(g gate, f face) *attempt {
	a := &attempt{name: fmt.Sprint(w.verb, " ", w.job, " ", len(w.attempts)), face: f}
	w.attempts = append(w.attempts, a)
	w.try(g.gateway, a)
	return a
}

// sends asks over a bad network, and returns as much of the answer as comes.
func (g gate) sends(request string, c mishap) (resp *http.Response, body []byte, w *wire, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	w, err = dialWire(ctx, strings.TrimPrefix(g.url, "http://"), c)
	if err != nil {
		return nil, nil, nil, err
	}
	defer w.Close()
	_ = w.SetDeadline(time.Now().Add(enough))
	if _, err = io.WriteString(w, request); errors.Is(err, errCutOff) {
		return nil, nil, w, err
	} // else it may have been refused before its end
	method, _, _ := strings.Cut(request, " ")
	in := bufio.NewReader(w)
	for {
		resp, err = http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return nil, nil, w, err
		}
		if resp.StatusCode != http.StatusContinue {
			break
		}
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp, body, w, err
}

const headOfAll = "Host: gateway\r\nPrivate-Token: " + sandbox.TokenMaintainer + "\r\n"
