package certs

import (
	"crypto/tls"
	"net/http"
	"sync"
	"sync/atomic"
)

// Transport sends requests over connections that are made with the current material,
// also those through a proxy. Make it with [ClientTLS.Transport].
type Transport struct {
	tls   *ClientTLS
	build func(*tls.Config) *http.Transport

	building sync.Mutex // held by who replaces current
	current  atomic.Pointer[generation]
}

// generation is a transport for one material.
type generation struct {
	of *material
	*http.Transport
}

// Transport calls build now, and again for the first request after each change, with the
// TLS for the transport that it returns. Requests that are under way end on their old
// connections, which nothing uses afterwards.
func (c *ClientTLS) Transport(build func(*tls.Config) *http.Transport) *Transport {
	t := &Transport{tls: c, build: build}
	t.now()
	return t
}

// RoundTrip is that of [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.now().RoundTrip(req)
}

// CloseIdleConnections closes connections that no request is using.
func (t *Transport) CloseIdleConnections() { t.current.Load().CloseIdleConnections() }

// now is the transport for the current material.
func (t *Transport) now() *http.Transport {
	if g := t.current.Load(); g != nil && g.of == t.tls.current.Load() {
		return g.Transport
	}
	t.building.Lock()
	defer t.building.Unlock()
	m, old := t.tls.current.Load(), t.current.Load()
	if old != nil && old.of == m {
		return old.Transport
	}
	fresh := &generation{m, t.build(t.tls.config(m, ""))}
	t.current.Store(fresh)
	if old != nil {
		old.CloseIdleConnections()
	}
	return fresh.Transport
}
