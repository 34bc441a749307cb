package identity

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// FuzzVerify proves that no token brings the verifier down or is taken unsigned, and that
// each is refused by a rule that quotes nothing of it.
func FuzzVerify(f *testing.F) {
	v := verifier(f, Config{JWKS: keyFile(f, jwks(jwk(other256(), "a", "", "")))})
	f.Add(good(nil))
	f.Add("..")
	f.Add(encode(`{"alg":"none"}`, `{"sub":"a"}`, ""))
	f.Add(encode(`{"alg":"ES256","crit":["x"]}`, `{}`, "AAAA"))
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := v.Verify(t.Context(), token)
		e, ok := err.(*Error)
		if !ok || caller.Name != "" {
			t.Fatalf("%+v, %v", caller, err)
		}
		for piece := range strings.SplitSeq(token, ".") {
			if len(piece) > 40 && strings.Contains(e.Error(), piece) {
				t.Fatalf("%v quotes the token", err)
			}
		}
	})
}

// FuzzClaims proves that no payload, once signed, brings the verifier down, and that
// whoever it lets in has a name.
func FuzzClaims(f *testing.F) {
	v := verifier(f, Config{JWKS: keyFile(f, jwks(jwk(p256(), "a", "", "")))})
	signer := made(jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p256()}, nil))
	f.Add(`{"iss":"`+issuer+`","aud":"`+audience+`","sub":"a","exp":9999999999,"groups":["a",1,null,[],{}]}`, "")
	f.Add(`{"aud":[[]],"exp":-1e999}`, `{"keys":[null,{"kty":"EC"}]}`)
	f.Fuzz(func(t *testing.T, payload, set string) {
		_, _ = parseKeys([]byte(set))
		if len(base64.RawURLEncoding.EncodeToString([]byte(payload))) > maxToken/2 {
			return
		}
		caller, err := v.Verify(t.Context(), made(made(signer.Sign([]byte(payload))).CompactSerialize()))
		if _, ok := err.(*Error); err != nil && !ok || err == nil && len(caller.Name) <= len("jwt:") {
			t.Fatalf("%+v, %v", caller, err)
		}
	})
}
