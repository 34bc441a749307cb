package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// httpLoad is GETs over HTTP/1.1, each caller on a connection of its own that is
// kept alive. It speaks HTTP by hand where it can: net/http's client would take
// more of the shared cores than most of the servers.
type httpLoad struct {
	addr    string
	targets []string // paths and queries to go through
	extra   string   // header lines that each request has too, with their line ends
	status  int      // that each answer must have
	conns   []*httpConn
}

// newHTTPLoad makes it for so many callers.
func newHTTPLoad(addr string, targets []string, extra string, status, callers int) *httpLoad {
	l := &httpLoad{addr: addr, targets: targets, extra: extra, status: status, conns: make([]*httpConn, callers)}
	for i := range l.conns {
		l.conns[i] = &httpConn{addr: addr, head: fmt.Appendf(nil,
			" HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\nPrivate-Token: %s\r\n%s\r\n", addr, callerToken(i), extra)}
	}
	return l
}

func (l *httpLoad) caller(_ context.Context, i int) func(k int) error {
	conn := l.conns[i]
	return func(k int) error {
		target := l.targets[k%len(l.targets)]
		return conn.get(target, func(resp *http.Response) error {
			if resp.StatusCode != l.status {
				return fmt.Errorf("GET %s: %s", target, resp.Status)
			}
			_, err := io.Copy(io.Discard, resp.Body)
			return err
		})
	}
}

// first makes the first request and returns the answer with its body.
func (l *httpLoad) first() (resp *http.Response, body []byte, err error) {
	err = l.conns[0].get(l.targets[0], func(got *http.Response) (err error) {
		resp = got
		body, err = io.ReadAll(got.Body)
		return err
	})
	return resp, body, err
}

func (l *httpLoad) close() {
	for _, conn := range l.conns {
		conn.close()
	}
}

// httpConn is a connection of one caller. It is dialled when it is needed.
type httpConn struct {
	addr    string
	head    []byte // what follows the target in each request
	conn    net.Conn
	in      *bufio.Reader
	request bytes.Buffer
}

// get asks for target and gives visit the answer, whose body it must read.
func (c *httpConn) get(target string, visit func(*http.Response) error) error {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, callTimeout)
		if err != nil {
			return err
		}
		c.conn, c.in = conn, bufio.NewReaderSize(conn, 64<<10)
	}
	if err := c.conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return err
	}
	c.request.Reset()
	c.request.WriteString("GET ")
	c.request.WriteString(target)
	c.request.Write(c.head)
	if _, err := c.conn.Write(c.request.Bytes()); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("GET %s: %w", target, err)
	}
	defer resp.Body.Close()
	if err := visit(resp); err != nil {
		return err
	}
	if resp.Close {
		c.close()
	}
	return nil
}

func (c *httpConn) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
