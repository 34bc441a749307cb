package admission

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jobgate/jobgate/server/policy"
	"github.com/jobgate/jobgate/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTokenFile proves what is a token, and that an error tells nothing of it.
func TestTokenFile(t *testing.T) {
	for text, want := range map[string]upstream.Credential{
		"glpat-1234567890":              {PrivateToken: "glpat-1234567890"},
		"\n glpat-1234567890 \r\n":      {PrivateToken: "glpat-1234567890"},
		"Bearer oauth-1234567890\n":     {Authorization: "Bearer oauth-1234567890"},
		"bearer   oauth-1234567890\n":   {Authorization: "Bearer oauth-1234567890"},
		"":                              {},
		" \n":                           {},
		"Bearer ":                       {PrivateToken: "Bearer"},
		"glpat-one glpat-two":           {},
		"glpat-one\nglpat-two":          {},
		"glpat-ünïcode":                 {},
		strings.Repeat("x", maxToken+1): {},
	} {
		f, err := NewTokenFile(write(t, "token", text))
		if ok := err == nil; ok != want.Present() || ok && f.Credential() != want {
			t.Errorf("%.40q: %v", text, err)
		}
		if err != nil && (strings.Contains(err.Error(), "glpat") || !strings.Contains(err.Error(), "token: ")) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// TestTokenFileIsReplaced proves that a good token is used at once, and that a bad one is
// refused and the old one stays.
func TestTokenFileIsReplaced(t *testing.T) {
	path := write(t, "token", "glpat-first-one")
	f, err := NewTokenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		text    string
		changed bool
		fails   bool
		in      string
	}{
		{"glpat-first-one", false, false, "glpat-first-one"},
		{"glpat-other-one", true, false, "glpat-other-one"},
		{"two tokens", false, true, "glpat-other-one"},
		{"glpat-other-one", false, false, "glpat-other-one"},
		{"glpat-third-one", true, false, "glpat-third-one"},
	} {
		if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		changed, err := f.Reload()
		if changed != step.changed || (err != nil) != step.fails || f.Credential().PrivateToken != step.in {
			t.Errorf("%q: changed %v, %v, in use %v", step.text, changed, err, f.Credential().PrivateToken == step.in)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Reload(); err == nil || !strings.Contains(err.Error(), "0640") {
		t.Errorf("others may read it: %v", err)
	}
	if text := f.LogValue().String(); strings.Contains(text, "glpat") {
		t.Error(text)
	}
}

// connectionOf is one whose client showed a certificate that was verified.
func connectionOf(t *testing.T, uri string, names ...string) *tls.ConnectionState {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{URIs: []*url.URL{u}, DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	return &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}, PeerCertificates: []*x509.Certificate{leaf}}
}

func gateOf(t *testing.T, rules string) (g *Gate, file string) {
	t.Helper()
	token, err := NewTokenFile(write(t, "token", "glpat-1234567890"))
	if err != nil {
		t.Fatal(err)
	}
	file = write(t, "policy.yaml", "version: 1\nrules:\n"+rules)
	store, err := policy.NewStore(file)
	if err != nil {
		t.Fatal(err)
	}
	return New(token, nil, store), file
}

const rule = "  - {name: one, callers: ['uri:spiffe://example.org/one'], methods: [read], projects: ['acme/app']}\n"

// TestCertificates proves that a caller is known by a certificate that was verified, and by
// nothing else if no bearer tokens are taken.
func TestCertificates(t *testing.T) {
	g, _ := gateOf(t, rule)
	verified := connectionOf(t, "spiffe://example.org/one", "One.Example.org")
	expired := connectionOf(t, "spiffe://example.org/one")
	expired.VerifiedChains[0][0].NotAfter = time.Now().Add(-time.Second)
	shownOnly := &tls.ConnectionState{PeerCertificates: verified.PeerCertificates}
	for name, c := range map[string]struct {
		shown      upstream.Credential
		connection *tls.ConnectionState
		want       string
	}{
		"verified":      {upstream.Credential{}, verified, "uri:spiffe://example.org/one dns:one.example.org"},
		"expired":       {upstream.Credential{}, expired, ""},
		"only shown":    {upstream.Credential{}, shownOnly, ""},
		"plaintext":     {upstream.Credential{}, nil, ""},
		"and a bearer":  {upstream.Credential{Authorization: "Bearer x"}, verified, ""},
		"and a token":   {upstream.Credential{PrivateToken: "x"}, verified, ""},
		"and another":   {upstream.Credential{JobToken: "x"}, verified, ""},
		"for another":   {upstream.Credential{Sudo: "root"}, verified, ""},
		"with a proof":  {upstream.Credential{DPoP: "x"}, verified, ""},
		"other schemes": {upstream.Credential{Authorization: "Basic x"}, verified, ""},
	} {
		caller, err := g.Admit(t.Context(), c.shown, c.connection)
		if (err == nil) != (c.want != "") || err == nil && caller.Name() != c.want {
			t.Errorf("%s: %v, %v", name, caller, err)
		}
		if _, ok := errors.AsType[*StrangerError](err); err != nil && !ok {
			t.Errorf("%s: %T", name, err)
		}
	}
}

// TestHold proves that what is held ends with the rule that allowed it, at once, and not
// before.
func TestHold(t *testing.T) {
	g, file := gateOf(t, rule)
	caller, err := g.Admit(t.Context(), upstream.Credential{}, connectionOf(t, "spiffe://example.org/one"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Decide(caller, "JobService/GetJob", "acme/app"); err != nil {
		t.Fatal(err)
	}
	ctx, release := g.Hold(t.Context(), caller, "TraceService/ReadTrace", "acme/app")
	defer release()
	gone, left := g.Hold(t.Context(), caller, "TraceService/ReadTrace", "acme/app")
	left()
	replace := func(rules string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("version: 1\nrules:\n"+rules), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	replace(rule + strings.ReplaceAll(rule, "one", "two"))
	if ctx.Err() != nil {
		t.Errorf("ended by a policy that allows it: %v", context.Cause(ctx))
	}
	replace(strings.ReplaceAll(rule, "acme/app", "acme/other"))
	if denied, ok := errors.AsType[*DeniedError](context.Cause(ctx)); !ok {
		t.Errorf("not ended by a policy that denies it: %v", denied)
	}
	if cause := context.Cause(gone); !errors.Is(cause, context.Canceled) {
		t.Errorf("one who has left: %v", cause)
	}
	late, release := g.Hold(t.Context(), caller, "TraceService/ReadTrace", "acme/app")
	defer release()
	if late.Err() == nil {
		t.Error("held although it is denied")
	}
}
