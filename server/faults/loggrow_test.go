package faults

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// growing is a GitLab whose log grows each time it has been read, until the job ends.
type growing struct {
	*heard

	mu     sync.Mutex
	job    int64
	pieces [][]byte
}

// ServeHTTP implements [http.Handler].
func (g *growing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.heard.ServeHTTP(w, r)
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, fmt.Sprintf("/%d/trace", g.job)) {
		return
	}
	if len(g.pieces) == 0 {
		g.box.SetStatus(g.job, "success")
		return
	}
	g.box.GrowTrace(g.job, g.pieces[0])
	g.pieces = g.pieces[1:]
}

// TestGrowingLogsGoOnAfterACut does so while the log grows, and many follow it together.
func TestGrowingLogsGoOnAfterACut(t *testing.T) {
	r := drawn(t)
	h := &growing{heard: newHeard()}
	log := []byte("the first line\n")
	h.job = h.box.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "running"}}, Log: bytes.Clone(log)})
	for n := range 3 {
		piece := bytes.Repeat(fmt.Appendf(nil, "a line of piece %d\n", n), 5+r.IntN(10))
		h.pieces, log = append(h.pieces, piece), append(log, piece...)
	}
	g := gate{start(t, "http://"+serveHTTP(t, h), setting{
		Config: server.Config{SpoolMemory: 1 << 20},
		client: []upstream.Option{upstream.WithQuota(false), upstream.WithCircuit(false)},
	}), h.heard}
	g.serves(t)
	before := measure(g.idle, nil)
	var all []*reader
	var reading sync.WaitGroup
	for _, form := range forms[:4] { // the last one follows nothing
		for range max(*writesFlag/40, 10) {
			one := &reader{form: form, job: h.job}
			for range 1 + r.IntN(3) {
				one.breaks = append(one.breaks, anyBreak(r, r.IntN(2*len(log))))
			}
			all = append(all, one)
			reading.Go(func() { one.readAll(g) })
		}
	}
	reading.Wait()
	g.wantIdle(t, before)
	wantAll(t, all, log)
	t.Logf("%d readers of %d bytes", len(all), len(log))
}
