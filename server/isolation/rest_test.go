package isolation

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// path is the address of an op.
func (o op) path() (method, path string) {
	base := "/api/v4/projects/" + url.PathEscape(o.project)
	if o.odd == "//" {
		base += "/"
	}
	job := base + "/jobs/" + strconv.FormatInt(o.id, 10)
	method = http.MethodGet
	switch o.kind {
	case readJob:
		path = job
	case readList:
		path = map[string]string{
			"project": base + "/jobs", "pipeline": base + fmt.Sprintf("/pipelines/%d/jobs", firstPipe+o.number),
			"bridges": base + fmt.Sprintf("/pipelines/%d/bridges", firstPipe+o.number),
		}[o.what]
	case readLog:
		path = job + "/trace"
	case writeJob:
		method, path = http.MethodPost, job+"/"+o.what
	case readToken:
		path = map[string]string{"job": "/api/v4/job", "agents": "/api/v4/job/allowed_agents"}[o.what]
	}
	switch o.odd {
	case ".json":
		path += ".json"
	case http.MethodHead, http.MethodOptions, http.MethodPut:
		method = o.odd
	}
	return method, path
}

// overREST makes a call, or follows a log.
func (w *world) overREST(ctx context.Context, c caller, o op, r *rand.Rand) {
	method, path := o.path()
	q, h := url.Values{}, http.Header{}
	c.show(r, h, q)
	if strings.Contains(o.odd, "=") {
		odd, _ := url.ParseQuery(o.odd)
		maps.Copy(q, odd)
	}
	switch {
	case o.kind == readList && o.size > 0 && q.Get("per_page") == "":
		q.Set("per_page", strconv.Itoa(o.size))
	case o.kind == readLog:
		o.askLog(r, h, q)
	case o.requestID != "":
		h.Set("Jobgate-Request-Id", o.requestID)
	}
	if o.validator != "" {
		h.Set("If-None-Match", o.validator)
	}
	h.Set("Origin", "http://page.test")
	var body io.Reader = http.NoBody
	target := "http://gateway" + path
	switch {
	case method == http.MethodPost && len(q) > 0 && r.IntN(2) == 0:
		body = strings.NewReader(q.Encode())
		h.Set("Content-Type", "application/x-www-form-urlencoded")
	case len(q) > 0:
		target += "?" + q.Encode()
	}
	t := w.telling(c, o)
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		w.failf("%v", err)
		return
	}
	req.Header = h
	resp, err := w.web.RoundTrip(req)
	if err != nil {
		w.tally("rest calls: broken", 1)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	w.tally("rest calls: "+strconv.Itoa(resp.StatusCode), 1)
	for name, values := range resp.Header {
		if name == "Set-Cookie" || name == "Server" {
			t.failf("%v: header %s", o, name)
		}
		for _, value := range values {
			t.check("header "+name, []byte(value))
			if text, err := url.QueryUnescape(value); err == nil && text != value {
				t.check("header "+name, []byte(text))
			}
		}
	}
	if tag := resp.Header.Get("Etag"); tag != "" && o.kind != readLog {
		w.mu.Lock()
		w.tags[r.IntN(len(w.tags))] = tag
		w.mu.Unlock()
	}
	switch kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); {
	case o.kind != readLog || resp.StatusCode/100 != 2:
		all, _ := io.ReadAll(resp.Body)
		t.check("the body", all)
	case kind == "text/plain":
		t.bytes(resp.Body)
	default:
		t.lines(resp.Body)
	}
}

// askLog asks for a log in one of many ways.
func (o op) askLog(r *rand.Rand, h http.Header, q url.Values) {
	switch o.what {
	case "part":
		q.Set("byte_offset", strconv.Itoa(r.IntN(3000)))
		q.Set("byte_limit", strconv.Itoa(1+r.IntN(2000)))
	case "tail":
		h.Set("Range", "bytes=-"+strconv.Itoa(1+r.IntN(2000)))
	case "lines":
		h.Set("Range", fmt.Sprintf("bytes=%d-%d", r.IntN(1000), 1000+r.IntN(1000)))
	case "follow":
		q.Set("follow", "true")
		if o.cursor != "" {
			h.Set("Last-Event-Id", o.cursor)
		}
		h.Set("Accept", []string{"text/event-stream", "application/x-ndjson", "*/*"}[r.IntN(3)])
	case "whole":
		if r.IntN(3) == 0 {
			h.Set("Accept", "text/event-stream")
		}
	}
}

// bytes looks at a log as it comes.
func (t *telling) bytes(body io.Reader) {
	buf := make([]byte, 8<<10)
	for {
		n, err := body.Read(buf)
		t.checkLog(buf[:n])
		if err != nil {
			return
		}
	}
}

// lines looks at events as they come.
func (t *telling) lines(body io.Reader) {
	in := bufio.NewReader(body)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		t.check("an event", line)
		line = bytes.TrimPrefix(line, []byte("data: "))
		var event struct {
			Data []byte
			Size *int64
			CRC  *string `json:"crc64"`
		}
		if len(line) > 0 && line[0] == '{' {
			if err := json.Unmarshal(line, &event); err != nil {
				t.failf("%v: %v in %q", t.op, err, line)
				return
			}
		}
		t.checkLog(event.Data)
		if event.Size != nil {
			t.checkSize(*event.Size)
		}
	}
}
