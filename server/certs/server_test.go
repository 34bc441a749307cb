package certs

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestReloadUnderHandshakes(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	pairs := []issued{ca.issue(100, nil), ca.issue(101, nil)}
	dir.putPair(pairs[0])
	dir.put("ca.crt", ca.pem())
	s := dir.server(true, nil)
	server := s.Config()
	client := &tls.Config{RootCAs: ca.pool(), ServerName: "gateway.test", Certificates: []tls.Certificate{ca.issue(7, nil).pair(t)}}

	seen := make(chan int64)
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				_, state, err := handshake(server, client)
				if err != nil {
					t.Errorf("a handshake failed: %v", err)
				}
				select {
				case seen <- serial(state):
				case <-stop:
					return
				}
			}
		})
	}
	until := func(want int64) { // a worker has seen it
		for got := range seen {
			if got == want {
				return
			}
			if got != 100 && got != 101 {
				t.Errorf("serial %d was never there", got)
				return
			}
		}
	}
	for swap := range 20 {
		until(100 + int64(swap%2))
		dir.putPair(pairs[(swap+1)%2])
		reloads(t, s)
		if _, state, err := handshake(server, client); err != nil || serial(state) != 100+int64((swap+1)%2) {
			t.Errorf("after swap %d: serial %d, %v", swap, serial(state), err)
		}
	}
	close(stop)
	workers.Wait()
}

func TestClientCAIsSwapped(t *testing.T) {
	one, two, dir := newAuthority(t, "one"), newAuthority(t, "two"), newFolder(t)
	dir.putPair(one.issue(100, nil))
	dir.put("ca.crt", one.pem())
	s := dir.server(true, nil)
	server := s.Config()
	let := func(from *authority) error {
		pair := from.issue(7, nil).pair(t)
		_, _, err := handshake(server, &tls.Config{
			RootCAs: one.pool(), ServerName: "gateway.test",
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
		})
		return err
	}
	expect := func(when string, wantOne, wantTwo bool) {
		t.Helper()
		if errOne, errTwo := let(one), let(two); (errOne == nil) != wantOne || (errTwo == nil) != wantTwo {
			t.Errorf("%s: a client of one: %v; of two: %v", when, errOne, errTwo)
		}
	}
	expect("one", true, false)
	dir.put("ca.crt", "both\n"+one.pem()+"of them\n"+two.pem())
	reloads(t, s)
	expect("both", true, true)
	dir.put("ca.crt", two.pem())
	reloads(t, s)
	expect("two", false, true)
	if _, _, err := handshake(server, &tls.Config{RootCAs: one.pool(), ServerName: "gateway.test"}); err == nil {
		t.Error("a client without a certificate was let in")
	}
}

func TestTicketsOverReloads(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		for kind, optional := range map[string]bool{"required": false, "optional": true} {
			t.Run(name+", "+kind, func(t *testing.T) { ticketsOverReloads(t, version, optional) })
		}
	}
}

func ticketsOverReloads(t *testing.T, version uint16, optional bool) {
	t.Helper()
	one, two, dir := newAuthority(t, "one"), newAuthority(t, "two"), newFolder(t)
	dir.putPair(two.issue(100, nil))
	dir.put("ca.crt", one.pem()+two.pem())
	s := dir.server(true, func(f *ServerFiles) { f.Optional, f.MinVersion = optional, version })
	server := s.Config()
	client := &tls.Config{
		RootCAs: two.pool(), ServerName: "gateway.test", MaxVersion: version,
		Certificates: []tls.Certificate{one.issue(7, nil).pair(t)}, ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	expect := func(when string, resumed bool) {
		t.Helper()
		state, _, err := handshake(server, client)
		if err != nil || state.DidResume != resumed || serial(state) != 7 || len(Names(&state)) == 0 {
			t.Fatalf("%s: resumed %t, serial %d, names %q, %v", when, state.DidResume, serial(state), Names(&state), err)
		}
	}
	expect("at first", false)
	expect("again", true)
	dir.putPair(two.issue(101, nil))
	reloads(t, s)
	expect("with another certificate", true)
	dir.put("ca.crt", two.pem()+one.pem())
	reloads(t, s)
	expect("with the same trust", true)

	dir.put("ca.crt", two.pem())
	reloads(t, s)
	state, _, err := handshake(server, client)
	if state.DidResume || len(Names(&state)) != 0 {
		t.Errorf("one who is no longer trusted: resumed %t, names %q", state.DidResume, Names(&state))
	}
	if let := err == nil; let != optional {
		t.Errorf("one who is no longer trusted: let in %t, %v", let, err)
	}
}

func TestOptionalCertificate(t *testing.T) {
	ca, stranger, dir := newAuthority(t, "ca"), newAuthority(t, "stranger"), newFolder(t)
	dir.putPair(ca.issue(100, nil))
	dir.put("ca.crt", ca.pem())
	server := dir.server(true, func(f *ServerFiles) { f.Optional = true }).Config()
	client := &tls.Config{RootCAs: ca.pool(), ServerName: "gateway.test"}
	if state, _, err := handshake(server, client); err != nil || Names(&state) != nil {
		t.Errorf("none: %q, %v", Names(&state), err)
	}
	client.Certificates = []tls.Certificate{ca.issue(7, func(c *x509.Certificate) { c.DNSNames = []string{"One.Test"} }).pair(t)}
	want := []string{"uri:spiffe://test/one", "dns:one.test", "ip:127.0.0.1"}
	if state, _, err := handshake(server, client); err != nil || !slices.Equal(Names(&state), want) {
		t.Errorf("one: %q, %v; want %q", Names(&state), err, want)
	}
	pair := stranger.issue(7, nil).pair(t)
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	if _, _, err := handshake(server, client); err == nil {
		t.Error("one of a stranger was let in")
	}
}

func TestNamesOfNobody(t *testing.T) {
	ca := newAuthority(t, "ca")
	shown := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{ca.issue(7, nil).pair(t).Leaf}}
	for name, state := range map[string]*tls.ConnectionState{
		"nil": nil, "no certificate": {}, "not verified": shown, "no leaf": {VerifiedChains: [][]*x509.Certificate{{}}},
	} {
		if names := Names(state); names != nil {
			t.Errorf("%s: %q", name, names)
		}
	}
}

func TestConfigWithoutItsCallbackTrustsNobody(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	dir.putPair(ca.issue(100, nil))
	dir.put("ca.crt", ca.pem())
	server := dir.server(true, nil).Config()
	server.GetConfigForClient = nil
	client := &tls.Config{RootCAs: ca.pool(), ServerName: "gateway.test", Certificates: []tls.Certificate{ca.issue(7, nil).pair(t)}}
	if _, _, err := handshake(server, client); err == nil {
		t.Error("a client was let in")
	}
}

func TestMinVersion(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	dir.putPair(ca.issue(100, nil))
	old := &tls.Config{RootCAs: ca.pool(), ServerName: "gateway.test", MaxVersion: tls.VersionTLS12}
	for oldest, want := range map[uint16]bool{0: false, tls.VersionTLS12: true, tls.VersionTLS13: false} {
		server := dir.server(false, func(f *ServerFiles) { f.MinVersion = oldest }).Config()
		if _, _, err := handshake(server, old); (err == nil) != want {
			t.Errorf("from %#x, with a client of TLS 1.2: %v", oldest, err)
		}
	}
	if _, err := Server(ServerFiles{Cert: dir.at("tls.crt"), Key: dir.at("tls.key"), MinVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was taken")
	}
}

func TestNotAfter(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	dir.putPair(ca.issue(100, nil))
	s := dir.server(false, nil)
	dir.putPair(ca.issue(101, func(c *x509.Certificate) { c.NotAfter = end }))
	reloads(t, s)
	if !s.NotAfter().Equal(end) {
		t.Errorf("ends %s, want %s", s.NotAfter(), end)
	}
	if changed, err := s.Reload(); changed || err != nil {
		t.Errorf("nothing new: changed %t, %v", changed, err)
	}
}
