package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// frozenTime is what a frozen clock shows.
var frozenTime = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

// sandboxClock returns the clock of that name: live or frozen.
func sandboxClock(name string) func() time.Time {
	if name == "frozen" {
		return func() time.Time { return frozenTime }
	}
	return time.Now
}

// embedded is a sandbox on a socket of its own.
type embedded struct {
	listener net.Listener
	server   *http.Server
	served   chan struct{} // closed when the serving has ended
	err      error         // what ended it
}

// startSandbox serves a new sandbox at addr. The caller closes it; ctx is for the
// opening only, so that it outlives a gateway that drains.
func startSandbox(ctx context.Context, addr string, opts ...sandbox.Option) (*embedded, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	e := &embedded{listener: l, served: make(chan struct{})}
	e.server = &http.Server{
		Handler:           sandbox.New(append(opts, sandbox.WithURL(e.url()))...),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		defer close(e.served)
		e.err = e.server.Serve(l)
	}()
	return e, nil
}

// url is the sandbox's own address, as clients on this machine reach it.
func (e *embedded) url() string { return "http://" + reachable(e.listener.Addr()) }

// close ends the sandbox and the answers it is giving.
func (e *embedded) close() {
	_ = e.server.Close() // it only says that the listener was closed before
	<-e.served
}

// wait blocks until ctx ends, which is no error, or the sandbox fails.
func (e *embedded) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		e.close()
		return nil
	case <-e.served:
		return e.err
	}
}
