package certs

import (
	"crypto/tls"
	"strings"
)

// Names are those of the peer, as its certificate has them: first its URIs as
// "uri:spiffe://…", then its DNS names, in lower case, as "dns:…". Without a chain that
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
	return names
}
