package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority issues certificates for tests.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issued is a certificate with its key, in PEM.
type issued struct{ cert, key string }

func newKey(t *testing.T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, block("PRIVATE KEY", der)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, _ := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, cert, key}
}

func (a *authority) pem() string { return block("CERTIFICATE", a.cert.Raw) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue makes a certificate for 127.0.0.1 and gateway.test; change may be nil.
func (a *authority) issue(serial int64, change func(*x509.Certificate)) issued {
	a.t.Helper()
	key, text := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "subject of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * time.Hour),
		DNSNames: []string{"gateway.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		URIs:        []*url.URL{{Scheme: "spiffe", Host: "test", Path: "/one"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return issued{block("CERTIFICATE", der), text}
}

// pair is i as crypto/tls has it.
func (i issued) pair(t *testing.T) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(i.cert), []byte(i.key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// folder is where a test has its files.
type folder struct {
	t    *testing.T
	path string
}

func newFolder(t *testing.T) folder {
	t.Helper()
	return folder{t, t.TempDir()}
}

func (f folder) at(name string) string { return filepath.Join(f.path, name) }

// put replaces a file as a whole.
func (f folder) put(name, text string) {
	f.t.Helper()
	if err := errors.Join(os.WriteFile(f.at("new"), []byte(text), 0o600), os.Rename(f.at("new"), f.at(name))); err != nil {
		f.t.Fatal(err)
	}
}

// putPair replaces certificate and key.
func (f folder) putPair(i issued) {
	f.t.Helper()
	f.put("tls.crt", i.cert)
	f.put("tls.key", i.key)
}

// server loads the folder, with ca.crt if mutual.
func (f folder) server(mutual bool, change func(*ServerFiles)) *ServerTLS {
	f.t.Helper()
	files := ServerFiles{Cert: f.at("tls.crt"), Key: f.at("tls.key")}
	if mutual {
		files.ClientCA = f.at("ca.crt")
	}
	if change != nil {
		change(&files)
	}
	s, err := Server(files)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// reloads expects that r takes up something new.
func reloads(t *testing.T, r Reloader) {
	t.Helper()
	if changed, err := r.Reload(); err != nil || !changed {
		t.Fatalf("reload: changed %t, %v; want a change", changed, err)
	}
}

// handshake connects a client and a server, sends one byte, so that the client has read
// its ticket, and returns what each has seen.
func handshake(server, client *tls.Config) (atServer, atClient tls.ConnectionState, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return atServer, atClient, err
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		defer conn.Close()
		s := tls.Server(conn, server)
		if err = s.Handshake(); err == nil {
			_, err = s.Write([]byte("x"))
		}
		atServer = s.ConnectionState()
		served <- err
	}()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return atServer, atClient, err
	}
	c := tls.Client(near, client)
	_, errClient := io.ReadFull(c, make([]byte, 1))
	near.Close()
	errServer := <-served
	return atServer, c.ConnectionState(), errors.Join(errServer, errClient)
}

// serial is that of the certificate that the peer showed.
func serial(state tls.ConnectionState) int64 {
	if len(state.PeerCertificates) == 0 {
		return 0
	}
	return state.PeerCertificates[0].SerialNumber.Int64()
}

// journal is a log whose lines a test takes.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) log() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// take returns the lines since it was last asked.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.buf.Reset()
	return strings.FieldsFunc(j.buf.String(), func(r rune) bool { return r == '\n' })
}
