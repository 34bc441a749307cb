package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// ServerFiles are the files of a listener, and how it uses them.
type ServerFiles struct {
	// Cert is the certificate chain, the listener's own certificate first, and Key its
	// private key, which only its owner and group may read. Both may be one file.
	Cert, Key string
	// ClientCA are the certificates that issue those of clients; with "" no client is
	// asked for one.
	ClientCA string
	// Optional lets clients in that bring no certificate. One that is not good is refused
	// all the same. It means nothing without ClientCA.
	Optional bool
	// MinVersion is the oldest version of TLS: 1.2 or 1.3; 0 is 1.3.
	MinVersion uint16
}

// ServerTLS is the TLS of a listener. Make it with Server.
type ServerTLS struct {
	store

	clientAuth tls.ClientAuthType
	minVersion uint16
}

// Server loads the files of a listener.
func Server(files ServerFiles) (*ServerTLS, error) {
	if files.Cert == "" || files.Key == "" {
		return nil, errors.New("a server needs a certificate and its key")
	}
	s := &ServerTLS{minVersion: files.MinVersion}
	switch files.MinVersion {
	case 0:
		s.minVersion = tls.VersionTLS13
	case tls.VersionTLS12, tls.VersionTLS13:
	default:
		return nil, errors.New("the oldest version of TLS must be 1.2 or 1.3")
	}
	switch {
	case files.ClientCA == "":
	case files.Optional:
		s.clientAuth = tls.VerifyClientCertIfGiven
	default:
		s.clientAuth = tls.RequireAndVerifyClientCert
	}
	if err := s.open(paths{cert: files.Cert, key: files.Key, ca: files.ClientCA}); err != nil {
		return nil, err
	}
	return s, nil
}

// Config is a configuration for one server, whose handshakes each use the certificate
// and the client CA that are current. Ask for another one for another server.
//
// ALPN is the server's: gRPC adds its own to what each handshake uses, and [http.Server]
// writes its own into the configuration before it serves, where handshakes find it. The
// same is true of all else that is set in the configuration itself, not in a clone,
// before it is used. Tickets outlive a reload, since their keys are the server's; but one
// of a client whose certificate is no longer trusted is passed over for a full handshake.
func (s *ServerTLS) Config() *tls.Config {
	c := &tls.Config{
		MinVersion: s.minVersion,
		ClientAuth: s.clientAuth,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.current.Load().pair, nil
		},
	}
	if s.clientAuth == tls.NoClientCert {
		return c
	}
	c.ClientCAs = x509.NewCertPool() // no CA at all, rather than the system's, for who loses what follows
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := s.current.Load()
		one := c.Clone()
		one.GetConfigForClient, one.GetCertificate = nil, nil
		one.Certificates, one.ClientCAs = []tls.Certificate{*now.pair}, now.trusted
		return one, nil
	}
	return c
}
