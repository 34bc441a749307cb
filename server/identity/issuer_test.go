package identity

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// issuerOf plays an issuer within a bubble.
type issuerOf struct {
	mu      sync.Mutex
	text    string // of the keys; "" is an error
	takes   time.Duration
	fetches int
}

func (i *issuerOf) set(text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.text = text
}

func (i *issuerOf) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// RoundTrip answers with the keys.
func (i *issuerOf) RoundTrip(req *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.fetches++
	text, takes := i.text, i.takes
	i.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if text == "" {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
}

// verifier makes a verifier with the keys of an issuer.
func (i *issuerOf) verifier(t *testing.T, refreshed func(bool, error)) *Verifier {
	t.Helper()
	v, err := New(Config{
		JWKS: "https://gitlab.example.org/jwks", Issuer: issuer, Audience: audience,
		Client: &http.Client{Transport: i}, Refreshed: refreshed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func signedBy(alg jose.SignatureAlgorithm, key any, kid string) string {
	return sign(alg, key, map[string]any{"kid": kid}, claimsWith(nil))
}
