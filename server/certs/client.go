package certs

import (
	"crypto/tls"
	"errors"
)

// ClientFiles are the files of connections to GitLab.
type ClientFiles struct {
	// CA are the certificates that GitLab's must come from; "" is the system's roots.
	CA string
	// Cert and Key are shown to a server that asks for a certificate; both or neither.
	Cert, Key string
}

// ClientTLS is the TLS of connections to GitLab. Make it with Client.
type ClientTLS struct{ store }

// Client loads the files of connections to GitLab.
func Client(files ClientFiles) (*ClientTLS, error) {
	if (files.Cert == "") != (files.Key == "") {
		return nil, errors.New("a client's certificate needs its key, and a key its certificate")
	}
	c := new(ClientTLS)
	if err := c.open(paths{cert: files.Cert, key: files.Key, ca: files.CA}); err != nil {
		return nil, err
	}
	return c, nil
}

// Config is the configuration of a connection that is made now, from TLS 1.2. serverName
// is the name that the server's certificate must have; "" is left to who dials.
//
// Ask for it at each dial: one that is kept has the certificate that is current, but the
// CA of when it was made. [ClientTLS.Transport] does so for HTTP.
func (c *ClientTLS) Config(serverName string) *tls.Config {
	return c.config(c.current.Load(), serverName)
}

// config is that of m.
func (c *ClientTLS) config(m *material, serverName string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName, RootCAs: m.trusted}
	if m.pair == nil {
		return config
	}
	config.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair := c.current.Load().pair
		if fits := asked.SupportsCertificate(pair) == nil; !fits {
			return new(tls.Certificate), nil // none, as crypto/tls does
		}
		return pair, nil
	}
	return config
}
