package certs

import (
	"crypto/tls"
	"strings"
	"time"
)

// Names are those of the peer, as its certificate has them: first its URIs as
// "uri:spiffe://…", then its DNS names, in lower case, as "dns:…", its addresses as "email:…"
// and "ip:…". Without a chain that
// was verified there is none, whatever certificate was shown; so also with nil. Compare
// them as a whole.
func Names(state *tls.ConnectionState) []string {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return nil
	}
	leaf := state.VerifiedChains[0][0]
	var names []string
	for _, uri := range leaf.URIs {
		names = append(names, "uri:"+uri.String())
	}
	for _, name := range leaf.DNSNames {
		names = append(names, "dns:"+strings.ToLower(name))
	}
	for _, address := range leaf.EmailAddresses {
		names = append(names, "email:"+address)
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, "ip:"+ip.String())
	}
	return names
}

// Until is when the first certificate of the peer's verified chain expires: a connection may
// outlive it. It is zero without such a chain.
func Until(state *tls.ConnectionState) (until time.Time) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return time.Time{}
	}
	for _, cert := range state.VerifiedChains[0] {
		if until.IsZero() || cert.NotAfter.Before(until) {
			until = cert.NotAfter
		}
	}
	return until
}
