package upstream

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// countedConn counts the writes to a connection, and can be sealed against more.
type countedConn struct {
	net.Conn
	writes atomic.Int64
}

const sealed = -1

// Write counts before it writes, so that an unchanged count proves that nothing
// has left.
func (c *countedConn) Write(p []byte) (int, error) {
	for {
		n := c.writes.Load()
		if n == sealed {
			return 0, net.ErrClosed
		}
		if c.writes.CompareAndSwap(n, n+1) {
			return c.Conn.Write(p)
		}
	}
}

// seal reports whether there was no write since the count was at, and if so
// prevents any to come: the transport's writing goroutine may still be under way
// when a canceled request has returned already.
func (c *countedConn) seal(at int64) bool { return c.writes.CompareAndSwap(at, sealed) }

// proof watches one request for whether any of it was written.
type proof struct {
	conn  *countedConn
	at    int64
	wrote bool
}

// watch makes the context tell p about the connections that a request is given.
func (p *proof) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: p.gotConn})
}

func (p *proof) gotConn(info httptrace.GotConnInfo) {
	if !p.unused() { // the transport tries again, on another connection
		p.wrote = true
	}
	p.conn = counted(info.Conn)
	if p.conn == nil {
		p.wrote = true // who knows
		return
	}
	p.at = p.conn.writes.Load()
}

// unused reports whether nothing was or will be written on the connection at
// hand. A TLS handshake is over before a request gets its connection.
func (p *proof) unused() bool { return p.conn == nil || p.conn.seal(p.at) }

// nothingWritten reports whether a request that failed with err provably sent
// nothing. Of a transport that does not count, only a failed dial proves it.
func (p *proof) nothingWritten(counts bool, err error) bool {
	if counts {
		return !p.wrote && p.unused()
	}
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial"
}

func counted(conn net.Conn) *countedConn {
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tls.NetConn()
	}
	c, _ := conn.(*countedConn)
	return c
}
