package identity

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// serve answers at /jwks.
func serve(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL + "/jwks?token=c4n4ry"
}

// TestFetch: keys over HTTP.
func TestFetch(t *testing.T) {
	set := jwks(jwk(p256(), "a", "", ""))
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		wrong  string
	}{
		"good": {func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept") == "" || r.URL.Path != "/jwks" {
				t.Errorf("asked %s with %v", r.URL, r.Header)
			}
			_, _ = w.Write([]byte(set))
		}, ""},
		"behind a redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				http.Redirect(w, r, "/keys", http.StatusFound)
				return
			}
			_, _ = w.Write([]byte(set))
		}, ""},
		"as large as can be": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(set + strings.Repeat(" ", maxSet-len(set))))
		}, ""},
		"too large": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(set + strings.Repeat(" ", maxSet-len(set)+1)))
		}, "larger than 256 KiB"},
		"not found": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(set))
		}, "status 404"},
		"a page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "no JSON object"},
		"a circle": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/jwks", http.StatusFound)
		}, "too many redirects"},
		"a redirect to http": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://keys.example.org/jwks", http.StatusFound)
		}, "the redirect must be https"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write([]byte(set))
		}, "reading the keys"},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, Config{JWKS: serve(t, test.answer)})
			_, err := v.Verify(t.Context(), good(nil))
			if test.wrong == "" {
				if err != nil {
					t.Error(err, errors.Unwrap(err))
				}
				return
			}
			if _, ok := err.(*KeysError); !ok {
				t.Fatal(err)
			}
			if why := errors.Unwrap(err).Error(); !strings.Contains(why, test.wrong) || strings.Contains(why, "c4n4ry") {
				t.Errorf("%s, want %s", why, test.wrong)
			}
		})
	}
}

// TestRedirectOutOfHTTPS: keys asked for over TLS come over TLS.
func TestRedirectOutOfHTTPS(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(jwks(jwk(p256(), "a", "", "")))) })
	server := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	defer server.Close()
	v := verifier(t, Config{JWKS: server.URL, Client: server.Client()})
	_, err := v.Verify(t.Context(), good(nil))
	if err == nil || !strings.Contains(errors.Unwrap(err).Error(), "the redirect leaves https") {
		t.Error(err)
	}
}

// TestFileOfKeys: it counts from the next reload, and a bad one never does.
func TestFileOfKeys(t *testing.T) {
	path := keyFile(t, jwks(jwk(p256(), "a", "", "")))
	v := verifier(t, Config{JWKS: path})
	known := func(want bool) {
		t.Helper()
		if _, err := v.Verify(t.Context(), good(nil)); (err == nil) != want {
			t.Errorf("known %v: %v", want, err)
		}
	}
	for _, step := range []struct {
		text    string
		changed bool
		wrong   bool
		known   bool
	}{
		{jwks(jwk(p256(), "a", "", "")), false, false, true},
		{"{", false, true, true},
		{`{"keys":[]}`, false, true, true},
		{jwks(jwk(other256(), "b", "", "")), true, false, false},
		{jwks(jwk(p256(), "a", "", "")), true, false, true},
	} {
		if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if changed, err := v.Reload(); changed != step.changed || (err != nil) != step.wrong {
			t.Errorf("%s: changed %v, %v", step.text, changed, err)
		}
		known(step.known)
	}
}
