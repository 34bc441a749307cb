package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jobgate/jobgate/bench/payload"
)

const (
	// followProject is the number of the project whose logs grow while they are read.
	followProject = 2102
	// followControl is the path by which this program tells the fake upstream what such
	// a log does, and reads what it has cost.
	followControl = "/bench/follow"
)

// followJobs is the path of that project's jobs.
var followJobs = fmt.Sprintf("/api/v4/projects/%d/jobs/", followProject)

// followed is a job whose log grows, and what it has cost. Its JSON is the cost.
type followed struct {
	mu    sync.Mutex
	ended bool
	size  int64 // of the log
	step  int64 // that the log grows by each time it was read
	steps int   // so often; with the last one the job ends
	seen  int64 // the log up to there was sent

	Requests int     `json:"requests"` // for the log, but for checks
	Checks   int     `json:"checks"`   // those with byte_limit=1
	Jobs     int     `json:"jobs"`     // for the job
	Bytes    int64   `json:"bytes"`    // of bodies: all of the above
	Grown    []grown `json:"grown"`
}

// grown says when the bytes up to a size of a log became visible to whoever read them
// first.
type grown struct {
	Size int64 `json:"size"`
	At   int64 `json:"at"` // nanoseconds since 1970
}

// followedJob is one of those jobs; each number has one.
func (u *fakeUpstream) followedJob(id string) *followed {
	made, _ := u.followed.LoadOrStore(id, new(followed))
	return made.(*followed)
}

// respondFollow answers a request for a job whose log grows, or for its log.
func (u *fakeUpstream) respondFollow(conn net.Conn, method, rest, query string) error {
	id, isLog := strings.CutSuffix(rest, "/trace")
	f := u.followedJob(id)
	if !isLog {
		_, err := conn.Write(f.answerJob(u.running, id))
		return err
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	from, to := f.part(method, values)
	if err := u.writeLog(conn, method, id, from, to); err != nil {
		return err
	}
	f.sent(to)
	return nil
}

// answerJob renders the job in its present state.
func (f *followed) answerJob(running []byte, id string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	body := bytes.Replace(running, []byte(fmt.Sprint(payload.JobID(0))), []byte(id), 1)
	if f.ended {
		body = bytes.Replace(body, []byte(`"running"`), []byte(`"success"`), 1)
	}
	f.Jobs++
	f.Bytes += int64(len(body))
	return answer(200, "application/json", "", body)
}

// part is the part of the log that a request gets, which it counts.
func (f *followed) part(method string, query url.Values) (from, to int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, to = slice(query, f.size)
	if method == "HEAD" || query.Get("byte_limit") == "1" {
		f.Checks++
	} else {
		f.Requests++
		if to > f.seen {
			f.seen = to
			f.Grown = append(f.Grown, grown{to, time.Now().UnixNano()})
		}
	}
	if method != "HEAD" {
		f.Bytes += to - from
	}
	return from, to
}

// sent lets a log that grows step by step grow, once all of it was sent.
func (f *followed) sent(to int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.steps > 0 && to == f.size && to == f.seen {
		f.size += f.step
		f.steps--
		f.ended = f.steps == 0
	}
}

// control does what this program asks for, and tells the cost so far.
func (u *fakeUpstream) control(query string) ([]byte, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	f := u.followedJob(values.Get("job"))
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, set := range map[string]func(n int64){
		"size":  func(n int64) { f.size = n },
		"step":  func(n int64) { f.step = n },
		"steps": func(n int64) { f.steps = int(n) },
		"ended": func(n int64) { f.ended = n != 0 },
	} {
		if !values.Has(name) {
			continue
		}
		n, err := strconv.ParseInt(values.Get(name), 10, 64)
		if err != nil {
			return nil, err
		}
		set(n)
	}
	return json.Marshal(f)
}

// runningJob is a job as GitLab sends it, running.
func runningJob() ([]byte, error) {
	body, err := payload.Variants[0].Job(0)
	return bytes.Replace(body, []byte(`"status":"success"`), []byte(`"status":"running"`), 1), err
}
