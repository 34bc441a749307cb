package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// web is a follower's HTTP client, whose connections go where a URL says: to replica 0 or 1.
type web struct {
	*record
	transport *http.Transport
}

func newWeb(r *record) web {
	return web{r, &http.Transport{
		DisableKeepAlives: r.rand.IntN(2) == 0,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			name, _, _ := strings.Cut(addr, ":")
			for _, on := range r.replicas {
				if on.name == name {
					return on.dialHTTP(ctx)
				}
			}
			return nil, errRefused
		},
	}}
}

func (w web) close() { w.transport.CloseIdleConnections() }

// get asks for the log, and returns the answer if it is one.
func (w web) get(ctx context.Context, on *replica, query string, header ...string) (io.ReadCloser, error) {
	url := fmt.Sprintf("http://%s/api/v4/projects/1/jobs/%d/trace?follow=true%s", on.name, w.job, query)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Private-Token", w.token)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := w.transport.RoundTrip(req)
	if err != nil {
		return nil, broken(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	why := fmt.Errorf("%d %.200q", resp.StatusCode, body)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fmt.Errorf("%w: %w", errNo, why)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, fmt.Errorf("%w: %w", errBusy, why)
	}
	return nil, why
}

// broken says why a connection did not bring what it should.
func broken(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

// events is a client of the events of a log, which goes on with the id of the last one.
type events struct {
	web
	form  string
	query string // where to begin, until there is an id
	last  string
}

func newEvents(form string) func(r *record, begin start) follower {
	return func(r *record, begin start) follower {
		f := &events{web: newWeb(r), form: form}
		begin.tail = 0 // this face has none
		if begin.has {
			f.query = "&byte_offset=" + strconv.FormatInt(begin.offset, 10)
		}
		r.begin(begin)
		return f
	}
}

// event is one of any kind.
type event struct {
	Event     string
	Offset    int64
	Data      []byte
	Reason    string
	Next      int64 `json:"next_offset"`
	Size      int64
	Status    string
	CRC       string `json:"crc64"`
	Cursor    string
	Staleness float64
}

func (f *events) stream(ctx context.Context, on *replica) error {
	f.record.openf("on %s", on.name)
	ctx, alarm, cancel := watched(ctx)
	defer cancel()
	query, header := f.query, []string{"Accept", f.form}
	if f.last != "" {
		query, header = "", append(header, "Last-Event-Id", f.last)
	}
	body, err := f.get(ctx, on, query, header...)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewReader(body)
	for {
		e, err := f.read(lines)
		if err != nil {
			if err == io.EOF {
				return nil // who asks for streams sees whether it was the end
			}
			return broken(ctx, err)
		}
		alarm.sign()
		if err := f.take(e); err != nil {
			return err
		}
		f.last = e.Cursor
		f.dawdle(ctx)
	}
}

// read reads an event, of which each byte has come. The end of the answer is io.EOF.
func (f *events) read(lines *bufio.Reader) (e *event, err error) {
	e = new(event)
	if f.form == "application/x-ndjson" {
		line, err := whole(lines)
		if err != nil {
			return nil, err
		}
		return e, json.Unmarshal(line, e)
	}
	for {
		line, err := whole(lines)
		if err != nil {
			return nil, err
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "":
			return e, nil
		case "id":
			e.Cursor = string(value)
		case "event":
			e.Event = string(value)
		case "data":
			if err := json.Unmarshal(value, e); err != nil {
				return nil, err
			}
		}
	}
}

// whole is a line with its end. Half a line at the end of an answer that ended well is no line.
func whole(lines *bufio.Reader) ([]byte, error) {
	line, err := lines.ReadBytes('\n')
	switch {
	case err == io.EOF && len(line) > 0:
		return nil, fmt.Errorf("half a line: %w", io.ErrUnexpectedEOF)
	case err != nil:
		return nil, err
	}
	return line[:len(line)-1], nil
}

func (f *events) take(e *event) error {
	switch e.Event {
	case "chunk":
		return f.chunk(e.Offset, e.Data)
	case "reset":
		return f.reset(e.Offset, e.Reason)
	case "gap":
		return f.gap(e.Offset, e.Next)
	case "heartbeat":
		f.count("heartbeats", 1)
		return nil
	case "end":
		say := &ending{e.Reason, e.Status, e.Size, nil}
		if e.CRC != "" {
			sum, err := strconv.ParseUint(e.CRC, 16, 64)
			if err != nil {
				return err
			}
			say.crc = &sum
		}
		return f.end(say)
	}
	return fmt.Errorf("an event of an unknown kind: %+v", e)
}

// plain is a client that gets bytes and nothing else. A stream that broke may have been that of
// a log that was rewritten: it goes on after what it has, or starts over, and what it gets then
// is no continuation.
type plain struct{ web }

func newPlain(r *record, begin start) follower {
	begin.tail = 0
	r.begin(begin)
	return plain{newWeb(r)}
}

func (f plain) stream(ctx context.Context, on *replica) error {
	f.anew()
	f.record.openf("at %d on %s", f.from, on.name)
	ctx, alarm, cancel := watched(ctx)
	defer cancel()
	query := ""
	if f.from > 0 {
		query = "&byte_offset=" + strconv.FormatInt(f.from, 10)
	}
	body, err := f.get(ctx, on, query)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	buf := make([]byte, 1+f.rand.IntN(64<<10))
	for {
		n, err := body.Read(buf)
		if n > 0 {
			alarm.sign()
			if err := f.chunk(f.next(), buf[:n]); err != nil {
				return err
			}
			f.dawdle(ctx)
		}
		switch {
		case errors.Is(err, io.EOF) && err == io.EOF:
			return f.end(nil)
		case err != nil:
			return broken(ctx, err)
		}
	}
}

// anew forgets what was got, or where it was.
func (f plain) anew() {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	from := f.next()
	if f.rand.IntN(3) == 0 {
		from = 0
	}
	f.from, f.got, f.fits, f.since = from, nil, nil, f.opened
}
