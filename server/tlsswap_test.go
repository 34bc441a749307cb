package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/certs"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// issuer makes certificates for 127.0.0.1.
type issuer struct {
	t      *testing.T
	dir    string
	key    *ecdsa.PrivateKey
	ca     *x509.Certificate
	number int64
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, dir: t.TempDir(), key: key, ca: &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, i.ca, i.ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if i.ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return i
}

// issue puts another certificate, and its key, in the place of the last.
func (i *issuer) issue() (cert, key string) {
	i.t.Helper()
	i.number++
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1 + i.number), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"gateway.test"},
	}, i.ca, private.Public(), i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		i.t.Fatal(err)
	}
	cert, key = filepath.Join(i.dir, "cert.pem"), filepath.Join(i.dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		next := file + ".next"
		if err := os.WriteFile(next, pem.EncodeToMemory(block), 0o600); err != nil {
			i.t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			i.t.Fatal(err)
		}
	}
	return cert, key
}

// TestCertificatesAreSwapped proves that no call fails while certificates are replaced,
// over both faces, on old connections and on new ones.
func TestCertificatesAreSwapped(t *testing.T) {
	i := newIssuer(t)
	cert, key := i.issue()
	var loaded [2]*certs.ServerTLS
	for n := range loaded {
		var err error
		if loaded[n], err = certs.Server(certs.ServerFiles{Cert: cert, Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	gw, _ := configured(t, gitlabOf(t, sandbox.New()), Config{
		ShutdownTimeout: time.Second, GRPCTLS: loaded[0].Config(), HTTPTLS: loaded[1].Config(),
	})
	roots := x509.NewCertPool()
	roots.AddCert(i.ca)
	client := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: "gateway.test"}
	dial := func() *grpc.ClientConn {
		conn, err := grpc.NewClient("passthrough:///"+gw.addr, grpc.WithTransportCredentials(credentials.NewTLS(client)))
		if err != nil {
			t.Error(err)
		}
		return conn
	}
	conn := dial()
	defer func() { _ = conn.Close() }()
	kept := &http.Transport{TLSClientConfig: client.Clone(), ForceAttemptHTTP2: true}
	anew := &http.Transport{TLSClientConfig: client.Clone(), DisableKeepAlives: true}
	defer kept.CloseIdleConnections()
	get := func(by *http.Transport) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https"+gw.url[len("http"):]+"/api/v4/projects/1/jobs/101", http.NoBody)
		if err != nil {
			return err
		}
		req.Header.Set("Private-Token", sandbox.TokenMaintainer)
		resp, err := (&http.Client{Transport: by}).Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%d, %w", resp.StatusCode, err)
		}
		return nil
	}
	call := func(conn *grpc.ClientConn) error {
		_, err := jobgatev1.NewJobServiceClient(conn).GetJob(as(t, sandbox.TokenMaintainer), &jobgatev1.GetJobRequest{Project: "1", JobId: 101})
		return err
	}
	calls := []func() error{
		func() error { return call(conn) },
		func() error {
			other := dial()
			defer func() { _ = other.Close() }()
			return call(other)
		},
		func() error { return get(kept) },
		func() error { return get(anew) },
	}
	var made atomic.Int64
	var callers sync.WaitGroup
	over := make(chan struct{})
	for n := range 8 {
		callers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if err := calls[n%len(calls)](); err != nil {
					t.Errorf("way %d: %v", n%len(calls), err)
					return
				}
				made.Add(1)
			}
		})
	}
	for swap := range 10 {
		for before := made.Load(); made.Load() < before+50 && !t.Failed(); {
			time.Sleep(time.Millisecond)
		}
		i.issue()
		for _, one := range loaded {
			if changed, err := one.Reload(); !changed || err != nil {
				t.Errorf("swap %d: changed %v, %v", swap, changed, err)
			}
		}
	}
	close(over)
	callers.Wait()
	t.Logf("%d calls over 10 swaps", made.Load())
}
