package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"
)

// TestNames proves which names a verified certificate gives, and until when.
func TestNames(t *testing.T) {
	t.Parallel()
	soon, late := time.Now().Add(time.Minute), time.Now().Add(time.Hour)
	leaf := &x509.Certificate{
		URIs: []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: "/one"}}, DNSNames: []string{"One.Example.org"},
		EmailAddresses: []string{"ada@example.org"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")}, NotAfter: late,
	}
	state := &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, {NotAfter: soon}}}}
	want := []string{"uri:spiffe://example.org/one", "dns:one.example.org", "email:ada@example.org", "ip:192.0.2.1", "ip:2001:db8::1"}
	if got := Names(state); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Until(state); !got.Equal(soon) {
		t.Errorf("until %v, want %v", got, soon)
	}
	for _, nobody := range []*tls.ConnectionState{nil, {}, {PeerCertificates: []*x509.Certificate{leaf}}} {
		if len(Names(nobody)) != 0 || !Until(nobody).IsZero() {
			t.Errorf("%v has names", nobody)
		}
	}
}
