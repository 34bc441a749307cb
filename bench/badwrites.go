package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	faultsName = "faults"
	// faultsJobs is where this program asks for jobs to write to, faultsRecord where it is
	// told what was done to them.
	faultsJobs, faultsRecord = "/faults/jobs", "/faults/record"
	// faultsOften is the share of writes that meet a fault.
	faultsOften = 0.4
)

// verbs are the writes.
var verbs = [...]string{"play", "retry", "cancel", "erase"}

// written is a job to be written to once, and what came of that.
type written struct {
	Verb    string `json:"verb"`
	Job     int64  `json:"job"`
	Arrived int    `json:"arrived"` // times, whole
	Done    int    `json:"done"`    // times
	Struck  way    `json:"struck"`  // what happened to it at first
	Tries   int    `json:"tries"`   // that met the network

	rand *rand.Rand
}

// faultyGitLab is the sandbox behind a network that fails, and the record of what it did.
type faultyGitLab struct {
	box *sandbox.Sandbox

	mu     sync.Mutex
	round  []*written
	byPath map[string]*written
}

// serveFaults is the role of GitLab behind such a network.
func serveFaults(lis net.Listener, _ roleConfig) error {
	g := newFaultyGitLab()
	http.HandleFunc(faultsJobs, g.jobs)
	http.HandleFunc(faultsRecord, g.record)
	behind, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- (&http.Server{Handler: g, ReadHeaderTimeout: time.Minute}).Serve(behind) }()
	go func() { failed <- (&faultProxy{to: behind.Addr().String(), plan: g.plan}).serve(lis) }()
	return <-failed
}

func newFaultyGitLab() *faultyGitLab {
	return &faultyGitLab{box: sandbox.New(), byPath: map[string]*written{}}
}

// jobs makes the jobs of a round. What happens to the i-th depends on the seed and i alone,
// so that all writers meet the same.
func (g *faultyGitLab) jobs(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.FormValue("n"))
	seed, err2 := strconv.ParseUint(r.FormValue("seed"), 10, 64)
	if err != nil || err2 != nil {
		http.Error(w, "n and seed are numbers", http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.round = nil
	for i := range n {
		one := &written{Verb: verbs[i%len(verbs)], rand: rand.New(rand.NewPCG(seed, uint64(i)*0x9e3779b97f4a7c15))} // numbers far apart
		one.Job = g.box.AddJob(jobFor(one.Verb))
		g.round = append(g.round, one)
		g.byPath[fmt.Sprintf("/api/v4/projects/1/jobs/%d/%s", one.Job, one.Verb)] = one
	}
	_ = json.NewEncoder(w).Encode(g.round)
}

// jobFor is a job to which a write can be done.
func jobFor(verb string) sandbox.NewJob {
	job := sandbox.NewJob{Log: []byte("a log\n"), Name: "job " + verb}
	switch verb {
	case "play":
		job.Manual, job.Steps = true, []sandbox.Step{{Status: "manual"}}
	case "retry":
		job.Steps = []sandbox.Step{{Status: "failed"}}
	case "erase":
		job.Steps = []sandbox.Step{{Status: "success"}}
	}
	return job
}

// record tells what came of the jobs of the round.
func (g *faultyGitLab) record(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = json.NewEncoder(w).Encode(g.round)
}

// plan is what happens to a request: nothing, unless it is a write.
func (g *faultyGitLab) plan(method, target string) fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.byPath[target]
	if method != http.MethodPost || one == nil {
		return fault{how: whole}
	}
	f := drawFault(one.rand, faultsOften)
	one.Tries++
	if one.Tries == 1 {
		one.Struck = f.how
	}
	return f
}

// ServeHTTP implements [http.Handler]: what has arrived whole goes to the sandbox.
func (g *faultyGitLab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil { // cut off
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	out := httptest.NewRecorder()
	g.box.ServeHTTP(out, r)
	g.mu.Lock()
	if one := g.byPath[r.URL.Path]; one != nil && r.Method == http.MethodPost {
		one.Arrived++
		if out.Code/100 == 2 {
			one.Done++
		}
	}
	g.mu.Unlock()
	maps.Copy(w.Header(), out.Header())
	w.Header().Set("Content-Length", strconv.Itoa(out.Body.Len()))
	w.WriteHeader(out.Code)
	_, _ = w.Write(out.Body.Bytes())
}
