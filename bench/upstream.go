package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jobgate/jobgate/bench/payload"
)

// logProject is the number of the project whose jobs have the big log.
const logProject = 2101

// listSizes are the pages that the fake upstream has; it answers the smallest
// that holds per_page.
var listSizes = []int{20, 100}

// fakeUpstream answers GitLab's Jobs API from memory. It speaks just enough
// HTTP/1.1 by hand, because net/http's server would cost more than most of the
// servers measured in front of it, on the same cores.
type fakeUpstream struct {
	answers   map[string][]byte // path and page size, to head and body
	unchanged map[string][]byte // the same to 304, where answers have an ETag
	saved     atomic.Int64      // how often that was answered
	logSize   int64
	log       []byte   // the block that the log repeats
	running   []byte   // a job that runs
	followed  sync.Map // its number as text, to *followed
}

// newFakeUpstream prepares every answer.
func newFakeUpstream(logSize int64) (*fakeUpstream, error) {
	u := &fakeUpstream{answers: map[string][]byte{}, unchanged: map[string][]byte{}, logSize: logSize, log: logBlock()}
	for _, v := range payload.Variants {
		for _, v := range []payload.Variant{v, v.WithoutTrailers()} {
			base := listBase(v)
			for i := range payload.Count {
				body, err := v.Job(i)
				if err != nil {
					return nil, err
				}
				path := fmt.Sprintf("%s/%d", base, payload.JobID(i))
				u.answers[path] = answer(200, "application/json", "", body)
			}
			if err := u.addLists(v, false); err != nil {
				return nil, err
			}
		}
	}
	if err := u.addLists(payload.Variants[0].WithETag(), true); err != nil {
		return nil, err
	}
	var err error
	if u.running, err = runningJob(); err != nil {
		return nil, err
	}
	for i := range payload.Count {
		body, err := payload.Variants[0].Job(i)
		if err != nil {
			return nil, err
		}
		body = traceSize.ReplaceAll(body, fmt.Appendf(nil, "${1}%d", logSize))
		path := fmt.Sprintf("/api/v4/projects/%d/jobs/%d", logProject, payload.JobID(i))
		u.answers[path] = answer(200, "application/json", "", body)
	}
	return u, nil
}

// addLists prepares the pages of a variant, with an ETag or without.
func (u *fakeUpstream) addLists(v payload.Variant, tagged bool) error {
	base := listBase(v)
	for _, n := range listSizes {
		body, err := v.List(n)
		if err != nil {
			return err
		}
		offset, keyset := pageHeaders(v, n)
		for key, extra := range map[string]string{fmt.Sprintf("%s?%d", base, n): offset, fmt.Sprintf("%s?%d&keyset", base, n): keyset} {
			if tagged {
				extra += "ETag: " + etag + "\r\n"
				u.unchanged[key] = fmt.Appendf(nil, "HTTP/1.1 304 \r\n%s%s\r\n", gitlabHeaders, extra)
			}
			u.answers[key] = answer(200, "application/json", extra, body)
		}
	}
	return nil
}

// etag is that of all answers that have one, as GitLab's are: weak, a digest of the
// body.
const etag = `W/"5c8ed3b8a1f0e94d27c6b3a98f1d7e42"`

// listBase is the path of a variant's jobs.
func listBase(v payload.Variant) string { return fmt.Sprintf("/api/v4/projects/%d/jobs", v.Project) }

// traceSize is where a job tells how long its archived log is.
var traceSize = regexp.MustCompile(`("file_type":"trace","size":)\d+`)

// gitlabHeaders are what GitLab sets on all answers that are measured, but for the
// ETag: only the rows that are about it have one.
const gitlabHeaders = "Date: Wed, 04 Mar 2026 10:25:00 GMT\r\n" +
	"Cache-Control: max-age=0, private, must-revalidate\r\nVary: Origin\r\nX-Content-Type-Options: nosniff\r\n" +
	"X-Frame-Options: SAMEORIGIN\r\nX-Gitlab-Meta: {\"correlation_id\":\"01JNG9Q0Z6\",\"version\":\"1\"}\r\n" +
	"X-Request-Id: 01JNG9Q0Z6\r\nX-Runtime: 0.089211\r\n"

// answer renders a whole HTTP answer.
func answer(status int, contentType, extra string, body []byte) []byte {
	head := fmt.Appendf(nil, "HTTP/1.1 %d \r\nContent-Type: %s\r\n%s%sContent-Length: %d\r\n\r\n",
		status, contentType, gitlabHeaders, extra, len(body))
	return append(head, body...)
}

// pageHeaders are the headers of a first page of n jobs, by offset and by keyset.
func pageHeaders(v payload.Variant, n int) (offset, keyset string) {
	const host = "<https://gitlab.example.com"
	offset = fmt.Sprintf("X-Page: 1\r\nX-Per-Page: %[3]d\r\nX-Next-Page: 2\r\nX-Prev-Page: \r\n"+
		"Link: %[1]s%[2]s?id=%[4]d&page=2&per_page=%[3]d>; rel=\"next\", %[1]s%[2]s?id=%[4]d&page=1&per_page=%[3]d>; rel=\"first\"\r\n",
		host, listBase(v), n, v.Project)
	keyset = fmt.Sprintf("Link: %s%s?cursor=eyJpZCI6IjEzMzcyMzY4MTI5IiwiX2tkIjoibiJ9&id=%d&page=1&pagination=keyset&per_page=%d>; rel=\"next\"\r\n",
		host, listBase(v), v.Project, n)
	return offset, keyset
}

// serve answers connections until the listener fails.
func (u *fakeUpstream) serve(lis net.Listener) error {
	for {
		conn, err := lis.Accept()
		if err != nil {
			return err
		}
		go u.serveConn(conn)
	}
}

// serveConn answers the requests of one connection in turn.
func (u *fakeUpstream) serveConn(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 8<<10)
	for {
		r, err := readRequest(in)
		if err != nil {
			return
		}
		if err := u.respond(conn, r); err != nil || r.last {
			return
		}
	}
}

// request is what matters of the head of a request; none that is measured has a body.
type request struct {
	method, target string
	tag            string // If-None-Match
	last           bool   // the client will send no more on this connection
}

// readRequest reads the head of one request.
func readRequest(in *bufio.Reader) (request, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return request{}, err
	}
	fields := strings.Fields(string(line))
	if len(fields) != 3 {
		return request{}, fmt.Errorf("not a request: %q", line)
	}
	r := request{method: fields[0], target: fields[1]}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return request{}, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return r, nil
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("If-None-Match")):
			r.tag = string(value)
		case bytes.EqualFold(line, []byte("Connection: close")):
			r.last = true
		}
	}
}

// respond writes the answer to one request.
func (u *fakeUpstream) respond(conn net.Conn, r request) error {
	path, query, _ := strings.Cut(r.target, "?")
	if job, ok := strings.CutPrefix(path, followJobs); ok {
		return u.respondFollow(conn, r.method, job, query)
	}
	if path == followControl {
		said, err := u.control(query)
		if err == nil {
			_, err = conn.Write(answer(200, "application/json", "", said))
		}
		return err
	}
	if job, isLog := strings.CutSuffix(path, "/trace"); isLog {
		return u.respondLog(conn, r.method, job[strings.LastIndexByte(job, '/')+1:], query)
	}
	out, ok := u.answers[path]
	if !ok {
		path += "?" + pageKey(query)
		out, ok = u.answers[path]
	}
	switch {
	case !ok:
		out = answer(404, "application/json", "", []byte(`{"error":"404 Not Found"}`))
	case r.tag == etag && u.unchanged[path] != nil:
		u.saved.Add(1)
		out = u.unchanged[path]
	}
	if r.method == "HEAD" {
		out = out[:bytes.Index(out, []byte("\r\n\r\n"))+4]
	}
	_, err := conn.Write(out)
	return err
}

// pageKey is the part of an answer's key that stands for its query.
func pageKey(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	n := listSizes[0]
	if per, _ := strconv.Atoi(values.Get("per_page")); per > n {
		n = listSizes[1]
	}
	if values.Get("pagination") == "keyset" {
		return strconv.Itoa(n) + "&keyset"
	}
	return strconv.Itoa(n)
}
