package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// serveProxy is Go's own reverse proxy, what the log rows compare with.
func serveProxy(lis net.Listener, cfg roleConfig) error {
	handler, err := reverseProxy(cfg.upstream)
	if err != nil {
		return err
	}
	return (&http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}).Serve(lis)
}

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
