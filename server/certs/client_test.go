package certs

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// quiet takes what servers say of failed handshakes.
var quiet = log.New(io.Discard, "", 0)

func TestClientConfig(t *testing.T) {
	one, two, dir := newAuthority(t, "one"), newAuthority(t, "two"), newFolder(t)
	dir.putPair(one.issue(7, nil))
	dir.put("ca.crt", one.pem())
	c, err := Client(ClientFiles{CA: dir.at("ca.crt"), Cert: dir.at("tls.crt"), Key: dir.at("tls.key")})
	if err != nil {
		t.Fatal(err)
	}
	server := func(of *authority, asks *authority) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{of.issue(100, nil).pair(t)}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: asks.pool()}
	}
	expect := func(when string, server, client *tls.Config, let bool, shown int64) {
		t.Helper()
		state, _, err := handshake(server, client)
		if (err == nil) != let || err == nil && serial(state) != shown {
			t.Errorf("%s: serial %d, %v", when, serial(state), err)
		}
	}
	kept := c.Config("gateway.test")
	expect("good", server(one, one), kept, true, 7)
	expect("another CA is asked for", server(one, two), kept, true, 0)
	expect("another name", server(one, one), c.Config("other.test"), false, 0)
	expect("another CA", server(two, one), kept, false, 0)

	dir.putPair(one.issue(8, nil))
	dir.put("ca.crt", two.pem())
	reloads(t, c)
	expect("the new CA", server(two, one), c.Config("gateway.test"), true, 8)
	expect("the old CA", server(one, one), c.Config("gateway.test"), false, 0)
	expect("kept", server(one, one), kept, true, 8)
}

func TestClientOfTheSystemsRoots(t *testing.T) {
	c, err := Client(ClientFiles{})
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := c.Reload(); changed || err != nil {
		t.Errorf("changed %t, %v", changed, err)
	}
	if config := c.Config("x"); config.RootCAs != nil || config.InsecureSkipVerify || !c.NotAfter().IsZero() {
		t.Errorf("%+v", config)
	}
}

// tunnels is a proxy that lets requests through with CONNECT.
type tunnels struct {
	*httptest.Server

	count atomic.Int32
	open  sync.WaitGroup
}

func newTunnels(t *testing.T) *tunnels {
	t.Helper()
	p := new(tunnels)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.count.Add(1)
		out, err := net.Dial("tcp", r.Host)
		if err != nil {
			return
		}
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			p.open.Go(func() {
				io.Copy(way[0], way[1])
				way[0].Close()
				way[1].Close()
			})
		}
		io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n") // last: who has read it may wait for the tunnel's end
	}))
	return p
}

func TestTransport(t *testing.T) {
	one, two, dir := newAuthority(t, "one"), newAuthority(t, "two"), newFolder(t)
	dir.put("ca.crt", one.pem())
	c, err := Client(ClientFiles{CA: dir.at("ca.crt")})
	if err != nil {
		t.Fatal(err)
	}
	gitlab := httptest.NewUnstartedServer(http.NotFoundHandler())
	gitlab.Config.ErrorLog = quiet
	gitlab.TLS = &tls.Config{Certificates: []tls.Certificate{one.issue(100, nil).pair(t)}}
	gitlab.StartTLS()
	defer gitlab.Close()

	proxy := newTunnels(t)
	defer func() { proxy.Close(); proxy.open.Wait() }()
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, via := range map[string]*url.URL{"directly": nil, "through a proxy": through} {
		dir.put("ca.crt", one.pem())
		if _, err := c.Reload(); err != nil {
			t.Fatal(err)
		}
		built := 0
		transport := c.Transport(func(config *tls.Config) *http.Transport {
			built++
			return &http.Transport{TLSClientConfig: config, Proxy: http.ProxyURL(via)}
		})
		get := func() error {
			resp, err := (&http.Client{Transport: transport}).Get(gitlab.URL)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			return errors.Join(err, resp.Body.Close())
		}
		if err := errors.Join(get(), get()); err != nil || built != 1 {
			t.Errorf("%s: built %d times, %v", name, built, err)
		}
		dir.put("ca.crt", two.pem())
		reloads(t, c)
		if err := get(); err == nil { // also no idle connection of before
			t.Errorf("%s: GitLab is trusted whose CA was taken away", name)
		}
		dir.put("ca.crt", one.pem())
		reloads(t, c)
		if err := get(); err != nil || built != 3 {
			t.Errorf("%s: built %d times, %v", name, built, err)
		}
		transport.CloseIdleConnections()
	}
	if proxy.count.Load() == 0 {
		t.Error("the proxy was not asked")
	}
}
