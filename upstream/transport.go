package upstream

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"time"
)

// roundTripper makes a function an [http.RoundTripper].
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// middleware puts one idea in front of next.
type middleware func(next http.RoundTripper) http.RoundTripper

// chain puts each of layers in front of those before it: the last one sees a
// request first.
func chain(innermost http.RoundTripper, layers ...middleware) http.RoundTripper {
	for _, layer := range layers {
		innermost = layer(innermost)
	}
	return innermost
}

// withHeader copies req so that header fields can be set on it: a RoundTripper
// must not change the request that it was given.
func withHeader(req *http.Request) *http.Request {
	req = req.WithContext(req.Context())
	req.Header = maps.Clone(req.Header)
	return req
}

// newTransport makes the connections to GitLab: HTTP/1.1, which costs less than
// HTTP/2 here and never replays a stream, with room for many callers.
//
// [http.Transport] sends a request again by itself in two cases, both on a reused
// connection that turned out to be dead: if not one byte had been written, and if
// the method is idempotent or the header has an Idempotency-Key. So a POST with
// neither is sent at most once; TestWritesArriveOnce holds it to that.
func newTransport(maxHeader int64) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: proxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		Protocols:              protocols,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		ReadBufferSize:         32 << 10,
	}
}

// proxyFromEnvironment hides the words of the error, which repeat the proxy's
// address and the password in it.
func proxyFromEnvironment(req *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy address in the environment is not valid")
	}
	return proxy, nil
}
