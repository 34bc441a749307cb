package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jobgate/jobgate/bench/payload"
)

const (
	badDayName = "badday"
	// badDayControl is where this program tells GitLab on a bad day how to be.
	badDayControl = "/badday"
)

// mood is how GitLab is.
type mood string

const (
	well     mood = "well"
	refusing mood = "refusing" // nobody listens
	failing  mood = "failing"  // a front end answers 502 and 503
	hanging  mood = "hanging"  // requests are read, and not answered
)

// badDay is the fake upstream with moods. It answers every job of the first variant's
// project, whatever its number, and trigger jobs, which may be slow.
type badDay struct {
	*fakeUpstream
	addr    string
	failed  chan error // what ends the role
	openSYN func(addr string) (*synCounter, error)

	mu      sync.Mutex
	mood    mood
	changed chan struct{} // closed with each change of the mood
	lis     net.Listener
	conns   map[net.Conn]bool
	syns    *synCounter
	took    time.Duration // a job
	slow    time.Duration // trigger jobs
	seen    badDaySeen
}

// badDaySeen is what has come to GitLab's address so far.
type badDaySeen struct {
	Requests int64 `json:"requests"`
	Connects int64 `json:"connects"` // in vain, while it refuses them
	Blind    bool  `json:"blind"`    // those could not be counted
	Slow     int64 `json:"slow"`     // requests for trigger jobs that are being answered now
}

// serveBadDay is the role of GitLab on a bad day.
func serveBadDay(lis net.Listener, _ roleConfig) error {
	d, err := newBadDay(lis)
	if err != nil {
		return err
	}
	http.HandleFunc(badDayControl, d.control)
	return <-d.failed
}

// newBadDay begins to answer on lis.
func newBadDay(lis net.Listener) (*badDay, error) {
	u, err := newFakeUpstream(1)
	if err != nil {
		return nil, err
	}
	d := &badDay{
		fakeUpstream: u, addr: lis.Addr().String(), failed: make(chan error, 1), openSYN: countSYNs,
		mood: well, changed: make(chan struct{}), lis: lis, conns: map[net.Conn]bool{},
	}
	go d.accept(lis)
	return d, nil
}

// control changes what a query names (be, took, slow), and answers what had come until then.
func (d *badDay) control(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	seen, err := d.look(), error(nil)
	for name, value := range map[string]*time.Duration{"took": &d.took, "slow": &d.slow} {
		if text := query.Get(name); text != "" {
			var each time.Duration
			if each, err = time.ParseDuration(text); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			d.mu.Lock()
			*value = each
			d.mu.Unlock()
		}
	}
	if be := query.Get("be"); be != "" {
		seen, err = d.become(mood(be))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(seen)
}

// look is what has come so far.
func (d *badDay) look() badDaySeen {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := d.seen
	if d.syns != nil {
		seen.Connects += d.syns.count()
	}
	return seen
}

// become changes the mood, and tells what had come before.
func (d *badDay) become(m mood) (badDaySeen, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.syns != nil {
		d.seen.Connects += d.syns.stop()
		d.syns = nil
	}
	seen := d.seen
	before := d.mood
	d.mood = m
	close(d.changed)
	d.changed = make(chan struct{})
	if m == refusing {
		syns, err := d.openSYN(d.addr)
		d.syns, d.seen.Blind = syns, err != nil
		_ = d.lis.Close()
		for conn := range d.conns {
			_ = conn.Close()
		}
	}
	if before != refusing || m == refusing {
		return seen, nil
	}
	for begun := time.Now(); ; time.Sleep(time.Millisecond) { // another may have the port for a moment
		lis, err := net.Listen("tcp", d.addr)
		if err == nil {
			d.lis = lis
			go d.accept(lis)
			return seen, nil
		}
		if time.Since(begun) > startTimeout {
			return seen, err
		}
	}
}

// accept answers the connections of a listener until that is closed.
func (d *badDay) accept(lis net.Listener) {
	for {
		conn, err := lis.Accept()
		d.mu.Lock()
		if err != nil {
			if d.mood != refusing && d.lis == lis {
				d.failed <- err
			}
			d.mu.Unlock()
			return
		}
		d.conns[conn] = true
		if d.mood == refusing { // it came just before
			_ = conn.Close()
		}
		d.mu.Unlock()
		go d.serveConn(conn)
	}
}

// serveConn answers the requests of one connection in turn.
func (d *badDay) serveConn(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		d.mu.Lock()
		delete(d.conns, conn)
		d.mu.Unlock()
	}()
	in := bufio.NewReaderSize(conn, 8<<10)
	for {
		r, err := readRequest(in)
		if err != nil {
			return
		}
		out := d.answer(r)
		if out == nil {
			return
		}
		if _, err := conn.Write(out); err != nil || r.last {
			return
		}
	}
}

// answer is what one request gets, after the time that it takes; nil ends the connection.
func (d *badDay) answer(r request) []byte {
	path, _, _ := strings.Cut(r.target, "?")
	isSlow := strings.HasSuffix(path, "/bridges") || strings.HasSuffix(path, "/trigger_jobs")
	d.mu.Lock()
	d.seen.Requests++
	n, how, changed, took := d.seen.Requests, d.mood, d.changed, d.took
	if isSlow {
		took = d.slow
		d.seen.Slow++
		defer func() {
			d.mu.Lock()
			d.seen.Slow--
			d.mu.Unlock()
		}()
	}
	d.mu.Unlock()
	switch how {
	case hanging:
		<-changed
		return nil
	case failing:
		return answer(502+int(n%2), "text/html", "", []byte("<html><title>GitLab is not responding</title></html>"))
	}
	time.Sleep(took)
	if isSlow {
		return answer(http.StatusOK, "application/json", "", []byte("[]"))
	}
	job, err := strconv.ParseInt(path[strings.LastIndexByte(path, '/')+1:], 10, 64)
	if err != nil {
		return answer(http.StatusNotFound, "application/json", "", []byte(`{"error":"404 Not Found"}`))
	}
	return d.answers[fmt.Sprintf("%s/%d", listBase(payload.Variants[0]), payload.JobID(int(job-payload.FirstJob)))]
}
