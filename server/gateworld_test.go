package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/jobgate/jobgate/server/admission"
	"github.com/jobgate/jobgate/server/identity"
	"github.com/jobgate/jobgate/server/policy"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// ownToken is what a gateway that holds a token asks GitLab with.
const ownToken = sandbox.TokenMaintainer

// gated is a gateway that holds GitLab's token and admits callers itself.
type gated struct {
	*gateway
	t      *testing.T
	signer jose.Signer
	gate   *admission.Gate
	secret *admission.TokenFile
	held   string // the file of the token
	rules  string // the file

	mu    sync.Mutex
	asked []*http.Request
}

// newGated serves before a GitLab that is gitlab, or a sandbox, with the rules of a policy.
func newGated(t *testing.T, gitlab http.Handler, rules string) *gated {
	t.Helper()
	if gitlab == nil {
		gitlab = sandbox.New()
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &gated{t: t, rules: filepath.Join(t.TempDir(), "policy.yaml")}
	w.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := identity.New(identity.Config{JWKS: w.file("keys.json", string(set)), Audience: "jobgate", Issuer: "https://gitlab.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	w.held = w.file("token", ownToken+"\n")
	token, err := admission.NewTokenFile(w.held)
	w.secret = token
	if err != nil {
		t.Fatal(err)
	}
	w.write(rules)
	store, err := policy.NewStore(w.rules)
	if err != nil {
		t.Fatal(err)
	}
	w.gate = admission.New(token, verifier, store)
	seen := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Clone(context.WithoutCancel(r.Context())))
		w.mu.Unlock()
		gitlab.ServeHTTP(rw, r)
	})
	w.gateway, _ = configured(t, gitlabOf(t, seen), Config{ShutdownTimeout: time.Second, Gate: w.gate})
	return w
}

func (w *gated) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// write replaces the policy's file.
func (w *gated) write(rules string) {
	w.t.Helper()
	if err := os.WriteFile(w.rules, []byte("version: 1\nrules:\n"+rules), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// token is a bearer token of somebody, that is good for so long.
func (w *gated) token(name string, d time.Duration) string {
	w.t.Helper()
	claims, err := json.Marshal(map[string]any{
		"sub": name, "aud": "jobgate", "iss": "https://gitlab.example.org", "exp": time.Now().Add(d).Unix(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := w.signer.Sign(claims)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// replaceToken gives the gateway another token.
func (w *gated) replaceToken(token string) {
	w.t.Helper()
	if err := os.WriteFile(w.held, []byte(token), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if changed, err := w.secret.Reload(); !changed || err != nil {
		w.t.Fatalf("changed %v, %v", changed, err)
	}
}

// take are the requests that GitLab has had since it was called before. Each must be the
// gateway's own, and hold nothing of what a caller showed.
func (w *gated) take() (asked []*http.Request) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, w.asked = w.asked, nil
	for _, r := range asked {
		if r.Header.Get("Private-Token") != ownToken || r.Header.Get("Authorization") != "" || r.Header.Get("Sudo") != "" ||
			strings.Contains(r.URL.RawQuery, "sudo") || strings.Contains(r.URL.RawQuery, "token") {
			w.t.Errorf("GitLab was asked %s %s with %v", r.Method, r.URL, r.Header)
		}
	}
	return asked
}
