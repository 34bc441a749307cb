package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// What a PEM block is, in the words of an error.
const (
	aCertificate = "a certificate"
	aKey         = "a private key"
	anUnknown    = "PEM of an unknown type"
)

// blocks takes text, the content of a file, to pieces. Text around the blocks is ignored,
// a block that is cut short or damaged is not.
func blocks(text []byte) ([]*pem.Block, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("is empty")
	}
	begun := bytes.Count(append([]byte("\n"), text...), []byte("\n-----BEGIN "))
	var all []*pem.Block
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		all = append(all, block)
	}
	switch {
	case begun == 0 && len(all) == 0:
		return nil, errors.New("holds no PEM")
	case len(all) != begun:
		return nil, errors.New("holds a PEM block that is damaged or cut short")
	default:
		return all, nil
	}
}

// kind says what block is. Its type as it stands is the file's content, and not repeated.
func kind(block *pem.Block) string {
	switch block.Type {
	case "CERTIFICATE":
		return aCertificate
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		return aKey
	case "OPENSSH PRIVATE KEY":
		return "a private key of OpenSSH"
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return "a certificate request"
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return "a public key"
	case "TRUSTED CERTIFICATE":
		return "a trusted certificate of OpenSSL"
	case "X509 CRL":
		return "a revocation list"
	default:
		return anUnknown
	}
}

// parseCertificates takes the certificates of text, at least one, and refuses anything
// else; but a private key may stand among them if withKey.
func parseCertificates(text []byte, withKey bool) ([]*x509.Certificate, error) {
	all, err := blocks(text)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, block := range all {
		switch what := kind(block); {
		case what == aCertificate:
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("certificate %d is malformed", len(certs)+1)
			}
			certs = append(certs, cert)
		case withKey && (what == aKey || block.Type == "EC PARAMETERS"):
		case what == aKey:
			return nil, errors.New("holds a private key where a certificate belongs: are certificate and key swapped?")
		default:
			return nil, fmt.Errorf("holds %s where a certificate belongs", what)
		}
	}
	if len(certs) == 0 {
		return nil, errors.New("holds no certificate")
	}
	return certs, nil
}

// parseKey takes the one private key of text, and refuses anything else; but certificates
// may stand beside it if withCertificates.
func parseKey(text []byte, withCertificates bool) (crypto.Signer, error) {
	all, err := blocks(text)
	if err != nil {
		return nil, err
	}
	var found *pem.Block
	for _, block := range all {
		switch what := kind(block); {
		case what == aKey && found != nil:
			return nil, errors.New("holds more than one private key")
		case what == aKey:
			found = block
		case withCertificates && what == aCertificate || block.Type == "EC PARAMETERS": // which openssl writes before a key
		case what == aCertificate:
			return nil, errors.New("holds a certificate where a private key belongs: are certificate and key swapped?")
		default:
			return nil, fmt.Errorf("holds %s where a private key belongs", what)
		}
	}
	if found == nil {
		return nil, errors.New("holds no private key")
	}
	if found.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(found.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, errors.New("the private key is encrypted: it must be there without a passphrase")
	}
	return decodeKey(found.Bytes)
}

// decodeKey decodes a key in any of the three forms, whatever its block was called.
func decodeKey(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
		return nil, errors.New("the private key is of a kind that cannot sign")
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, errors.New("the private key is malformed")
}
