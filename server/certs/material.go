package certs

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// material is what was loaded from a set of files at one time. It doesn't change.
type material struct {
	digest  [sha256.Size]byte // of the files' content
	pair    *tls.Certificate  // nil: no certificate of one's own
	trusted *x509.CertPool    // nil: no CA file
	cas     int               // certificates in trusted
}

// paths are the files of a material; empty is none. A certificate has a key.
type paths struct{ cert, key, ca string }

// files are those that p names.
func (p paths) files() []file {
	var all []file
	if p.cert != "" {
		all = append(all, file{path: p.cert}, file{path: p.key, secret: true})
	}
	if p.ca != "" {
		all = append(all, file{path: p.ca})
	}
	return all
}

// load reads all files, and tells all that is wrong with them.
func (p paths) load() (*material, error) {
	texts, err := readAll(p.files())
	if err != nil {
		return nil, err
	}
	m := &material{digest: digest(texts)}
	var errs []error
	if p.cert != "" {
		m.pair, err = p.pair(texts[0], texts[1])
		errs = append(errs, err)
		texts = texts[2:]
	}
	if p.ca != "" {
		cas, err := parseCertificates(texts[0], false)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.ca, err))
		}
		m.trusted, m.cas = x509.NewCertPool(), len(cas)
		for _, ca := range cas {
			m.trusted.AddCert(ca)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

// pair makes a certificate chain and its key of the content of their files, which may be
// one file.
func (p paths) pair(certText, keyText []byte) (*tls.Certificate, error) {
	chain, errChain := parseCertificates(certText, p.cert == p.key)
	if errChain != nil {
		errChain = fmt.Errorf("%s: %w", p.cert, errChain)
	}
	key, errKey := parseKey(keyText, p.cert == p.key)
	if errKey != nil {
		errKey = fmt.Errorf("%s: %w", p.key, errKey)
	}
	if err := errors.Join(errChain, errKey); err != nil {
		return nil, err
	}
	leaf := chain[0]
	if err := p.matches(chain, key); err != nil {
		return nil, err
	}
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("%s: the certificate expired at %s", p.cert, leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("%s: the certificate is not valid before %s", p.cert, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, cert := range chain {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	return pair, nil
}

// matches says whether key is that of the first certificate of the chain.
func (p paths) matches(chain []*x509.Certificate, key crypto.Signer) error {
	public, ok := key.Public().(interface {
		Equal(other crypto.PublicKey) bool
	})
	if !ok {
		return fmt.Errorf("%s: the private key is of a kind that TLS doesn't use", p.key)
	}
	for i, cert := range chain {
		switch {
		case !public.Equal(cert.PublicKey):
		case i == 0:
			return nil
		default:
			return fmt.Errorf("%s: the certificate of the key is not the first one", p.cert)
		}
	}
	return fmt.Errorf("%s: is not the key of the certificate in %s", p.key, p.cert)
}

// digest tells one content of files from another, also if only their borders differ.
func digest(texts [][]byte) [sha256.Size]byte {
	var sums []byte
	for _, text := range texts {
		sum := sha256.Sum256(text)
		sums = append(sums, sum[:]...)
	}
	return sha256.Sum256(sums)
}
