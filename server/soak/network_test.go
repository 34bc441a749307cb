package soak

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"

	"google.golang.org/grpc/test/bufconn"
)

// buffered is how many bytes a connection holds each way: few, so that slow readers are felt.
const buffered = 16 << 10

var (
	errRefused = errors.New("connection refused")
	errReset   = errors.New("connection reset by peer")
)

// wire is a client's end of a connection to a gateway.
type wire struct {
	net.Conn
	gone func()

	mu      sync.Mutex
	left    int  // bytes that can still be read, -1 for any number
	stalled bool // nothing comes and nothing goes any more, and nobody says so
	closed  chan struct{}
	once    sync.Once
}

// Read reads until the wire is cut.
func (c *wire) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	left, stalled := c.left, c.stalled
	if left >= 0 {
		n = min(n, left)
		c.left -= n
	}
	c.mu.Unlock()
	switch {
	case stalled:
		<-c.closed
		return 0, net.ErrClosed
	case left >= 0 && n == left:
		_ = c.Close()
		return n, errReset
	}
	return n, err
}

func (c *wire) Write(p []byte) (int, error) {
	c.mu.Lock()
	stalled := c.stalled
	c.mu.Unlock()
	if stalled {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// Close closes both directions.
func (c *wire) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.gone()
	})
	return c.Conn.Close()
}

// cut breaks the connection after so many more bytes; with 0 at once.
func (c *wire) cut(after int) {
	if after == 0 {
		_ = c.Close()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = after
}

func (c *wire) stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled = true
}

// wires are the open connections to one gateway, in the order in which they were made.
type wires struct {
	mu  sync.Mutex
	all []*wire
}

func (s *wires) dial(ctx context.Context, to *bufconn.Listener) (net.Conn, error) {
	if to == nil {
		return nil, errRefused
	}
	conn, err := to.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	c := &wire{Conn: conn, left: -1, closed: make(chan struct{})}
	c.gone = func() { s.remove(c) }
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, c)
	return c, nil
}

func (s *wires) remove(c *wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.all {
		if s.all[i] == c {
			s.all = append(s.all[:i], s.all[i+1:]...)
			return
		}
	}
}

// any is one of them, nil if there is none.
func (s *wires) any(r *rand.Rand) *wire {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return nil
	}
	return s.all[r.IntN(len(s.all))]
}

// closeAll breaks all connections.
func (s *wires) closeAll() {
	s.mu.Lock()
	all := append([]*wire(nil), s.all...)
	s.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}
