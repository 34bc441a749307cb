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
	answers map[string][]byte // path and page size, to head and body
	logSize int64
	log     []byte // the block that the log repeats
}

// newFakeUpstream prepares every answer.
func newFakeUpstream(logSize int64) (*fakeUpstream, error) {
	u := &fakeUpstream{answers: map[string][]byte{}, logSize: logSize, log: logBlock()}
	for _, v := range payload.Variants {
		for _, v := range []payload.Variant{v, v.WithoutTrailers()} {
			base := fmt.Sprintf("/api/v4/projects/%d/jobs", v.Project)
			for i := range payload.Count {
				body, err := v.Job(i)
				if err != nil {
					return nil, err
				}
				path := fmt.Sprintf("%s/%d", base, payload.JobID(i))
				u.answers[path] = answer(200, "application/json", "", body)
			}
			for _, n := range listSizes {
				body, err := v.List(n)
				if err != nil {
					return nil, err
				}
				offset, keyset := pageHeaders(base, n)
				u.answers[fmt.Sprintf("%s?%d", base, n)] = answer(200, "application/json", offset, body)
				u.answers[fmt.Sprintf("%s?%d&keyset", base, n)] = answer(200, "application/json", keyset, body)
			}
		}
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

// traceSize is where a job tells how long its archived log is.
var traceSize = regexp.MustCompile(`("file_type":"trace","size":)\d+`)

// answer renders a whole HTTP answer with the headers that GitLab sets.
func answer(status int, contentType, extra string, body []byte) []byte {
	head := fmt.Sprintf("HTTP/1.1 %d \r\nDate: Wed, 04 Mar 2026 10:25:00 GMT\r\nContent-Type: %s\r\n"+
		"Cache-Control: max-age=0, private, must-revalidate\r\nVary: Origin\r\nX-Content-Type-Options: nosniff\r\n"+
		"X-Frame-Options: SAMEORIGIN\r\nX-Gitlab-Meta: {\"correlation_id\":\"01JNG9Q0Z6\",\"version\":\"1\"}\r\n"+
		"X-Request-Id: 01JNG9Q0Z6\r\nX-Runtime: 0.089211\r\n%sContent-Length: %d\r\n\r\n", status, contentType, extra, len(body))
	return append([]byte(head), body...)
}

// pageHeaders are the headers of a first page of n jobs, by offset and by keyset.
func pageHeaders(path string, n int) (offset, keyset string) {
	link := fmt.Sprintf("<https://gitlab.example.com%s?per_page=%d&", path, n)
	offset = fmt.Sprintf("X-Page: 1\r\nX-Per-Page: %d\r\nX-Next-Page: 2\r\nX-Prev-Page: \r\n"+
		"Link: %[2]spage=2>; rel=\"next\", %[2]spage=1>; rel=\"first\"\r\n", n, link)
	keyset = "Link: " + link + "cursor=eyJpZCI6IjEzMzcyMzY4MTI5IiwiX2tkIjoibiJ9&pagination=keyset>; rel=\"next\"\r\n"
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
		method, target, last, err := readRequest(in)
		if err != nil {
			return
		}
		if err := u.respond(conn, method, target); err != nil || last {
			return
		}
	}
}

// readRequest reads the head of one request; none that is measured has a body.
// last says that the client will send no more on this connection.
func readRequest(in *bufio.Reader) (method, target string, last bool, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", "", false, err
	}
	fields := strings.Fields(string(line))
	if len(fields) != 3 {
		return "", "", false, fmt.Errorf("not a request: %q", line)
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", "", false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return fields[0], fields[1], last, nil
		}
		if bytes.EqualFold(line, []byte("connection: close")) {
			last = true
		}
	}
}

// respond writes the answer to one request.
func (u *fakeUpstream) respond(conn net.Conn, method, target string) error {
	path, query, _ := strings.Cut(target, "?")
	if job, isLog := strings.CutSuffix(path, "/trace"); isLog {
		return u.respondLog(conn, method, job[strings.LastIndexByte(job, '/')+1:], query)
	}
	out, ok := u.answers[path]
	if !ok {
		out, ok = u.answers[path+"?"+pageKey(query)]
	}
	if !ok {
		out = answer(404, "application/json", "", []byte(`{"error":"404 Not Found"}`))
	}
	if method == "HEAD" {
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
