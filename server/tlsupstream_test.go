package server

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/certs"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// TestTLSToGitLab proves that GitLab's certificate is checked with the CA of a file, which
// can be replaced, and that a write which met the wrong one is known not to be sent.
func TestTLSToGitLab(t *testing.T) {
	good, other := newIssuer(t), newIssuer(t)
	cert, key := good.issue()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	box := sandbox.New()
	gitlab := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		box.ServeHTTP(w, r)
	}))
	gitlab.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	gitlab.StartTLS()
	t.Cleanup(gitlab.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	trust := func(i *issuer) {
		t.Helper()
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.ca.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust(other)
	loaded, err := certs.Client(certs.ClientFiles{CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	secure := upstream.WithTLS(func(build func(*tls.Config) *http.Transport) http.RoundTripper {
		return loaded.Transport(func(config *tls.Config) *http.Transport {
			config.ServerName = "gateway.test"
			return build(config)
		})
	})
	gw, _ := configured(t, gitlab.URL, Config{ShutdownTimeout: time.Second}, secure, upstream.WithAttempts(1))
	get := func() error {
		_, err := gw.jobs.GetJob(as(t, sandbox.TokenMaintainer), &jobgatev1.GetJobRequest{Project: "1", JobId: 101})
		return err
	}
	retry := func() error {
		_, err := gw.jobs.RetryJob(as(t, sandbox.TokenMaintainer), &jobgatev1.RetryJobRequest{Project: "1", JobId: 102})
		return err
	}
	failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}.check(t, get())
	failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}.check(t, retry())
	trust(good)
	if changed, err := loaded.Reload(); !changed || err != nil {
		t.Fatalf("changed %v, %v", changed, err)
	}
	for name, call := range map[string]func() error{"read": get, "write": retry} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("GitLab was asked %d times", n)
	}
	plain := httptest.NewServer(box) // plaintext where TLS is expected
	t.Cleanup(plain.Close)
	gw, _ = configured(t, "https"+plain.URL[len("http"):], Config{ShutdownTimeout: time.Second}, secure, upstream.WithAttempts(1))
	failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}.check(t, retry())
}
