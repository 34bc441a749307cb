package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// serveProxy is Go's own reverse proxy, what the REST and log rows compare with.
func serveProxy(lis net.Listener, cfg roleConfig) error {
	handler, err := reverseProxy(cfg.upstream)
	if err != nil {
		return err
	}
	return (&http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}).Serve(lis)
}

// servePooledProxy is the same with buffers that are used again. It tells how much of
// the reverse proxy's cost is the 32 KiB that it takes for each answer.
func servePooledProxy(lis net.Listener, cfg roleConfig) error {
	handler, err := reverseProxy(cfg.upstream)
	if err != nil {
		return err
	}
	handler.BufferPool = new(copyBuffers)
	return (&http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}).Serve(lis)
}

// copyBuffers implements [httputil.BufferPool].
type copyBuffers struct{ sync.Pool }

// Get returns a buffer; its content is left over.
func (p *copyBuffers) Get() []byte {
	if buf, ok := p.Pool.Get().(*[32 << 10]byte); ok {
		return buf[:]
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (p *copyBuffers) Put(buf []byte) { p.Pool.Put((*[32 << 10]byte)(buf)) }

// reverseProxy passes requests on to the upstream, by the gateway's transport.
func reverseProxy(upstream string) (*httputil.ReverseProxy, error) {
	base, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(base) },
		Transport: upstreamTransport(),
	}, nil
}
