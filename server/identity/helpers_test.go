package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuer   = "https://gitlab.example.org"
	audience = "jobgate"
)

// pairs are made when first used: those of RSA take long.
var (
	rsaPair   = sync.OnceValue(func() *rsa.PrivateKey { return made(rsa.GenerateKey(rand.Reader, 2048)) })
	smallPair = sync.OnceValue(func() *rsa.PrivateKey { return made(rsa.GenerateKey(rand.Reader, 1024)) })
	p256      = sync.OnceValue(func() *ecdsa.PrivateKey { return made(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	other256  = sync.OnceValue(func() *ecdsa.PrivateKey { return made(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384      = sync.OnceValue(func() *ecdsa.PrivateKey { return made(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521      = sync.OnceValue(func() *ecdsa.PrivateKey { return made(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
	edPair    = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) })
)

func made[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// jwk is the public half of a pair.
func jwk(pair crypto.Signer, kid, use, alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: pair.Public(), KeyID: kid, Use: use, Algorithm: alg}
}

func jwks(keys ...jose.JSONWebKey) string {
	return string(made(json.Marshal(jose.JSONWebKeySet{Keys: keys})))
}

// claimsWith are good claims with others on top; one that is nil is left out.
func claimsWith(other map[string]any) map[string]any {
	claims := map[string]any{
		"iss": issuer, "aud": audience, "sub": "build-7", "jti": "c4n4ry",
		"iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(claims, other)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// sign makes a token.
func sign(alg jose.SignatureAlgorithm, key any, header map[string]any, claims any) string {
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer := made(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options))
	payload, ok := claims.(string)
	if !ok {
		payload = string(made(json.Marshal(claims)))
	}
	return made(made(signer.Sign([]byte(payload))).CompactSerialize())
}

// good is a token signed by p256 as key "a".
func good(other map[string]any) string {
	return sign(jose.ES256, p256(), map[string]any{"kid": "a"}, claimsWith(other))
}

// encode makes parts of a token of texts; the last one is the signature as it is.
func encode(header, payload, signature string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + signature
}

// keyFile writes a key set to a file.
func keyFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// verifier makes a verifier that the test closes.
func verifier(t testing.TB, cfg Config) *Verifier {
	t.Helper()
	if cfg.Audience == "" {
		cfg.Issuer, cfg.Audience = issuer, audience
	}
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// wantError holds an error to a reason and part, and to telling nothing of the token.
func wantError(t testing.TB, err error, reason Reason, part, token string) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok || e.Reason != reason || e.Part != part || e.Rule == "" {
		t.Errorf("%v (%+v), want reason %d of %q", err, err, reason, part)
		return
	}
	for piece := range strings.SplitSeq(token, ".") {
		if len(piece) > 3 && strings.Contains(err.Error(), piece) || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%v quotes the token", err)
		}
	}
}
