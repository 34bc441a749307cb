package identity

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// TestAlgorithms: each that can be allowed, and none that is not.
func TestAlgorithms(t *testing.T) {
	path := keyFile(t, jwks(jwk(rsaPair(), "r", "", ""), jwk(p256(), "p", "sig", "ES256"), jwk(p384(), "q", "", ""), jwk(p521(), "s", "", ""), jwk(edPair(), "e", "sig", "")))
	byDefault, all := verifier(t, Config{JWKS: path}), verifier(t, Config{JWKS: path, Algorithms: strings.Split(names(known), ", ")})
	for _, test := range []struct {
		alg       jose.SignatureAlgorithm
		key       any
		kid       string
		byDefault bool
	}{
		{jose.RS256, rsaPair(), "r", true},
		{jose.RS384, rsaPair(), "r", false},
		{jose.RS512, rsaPair(), "r", false},
		{jose.PS256, rsaPair(), "r", true},
		{jose.PS384, rsaPair(), "r", false},
		{jose.PS512, rsaPair(), "r", false},
		{jose.ES256, p256(), "p", true},
		{jose.ES384, p384(), "q", true},
		{jose.ES512, p521(), "s", false},
		{jose.EdDSA, edPair(), "e", true},
	} {
		token := sign(test.alg, test.key, map[string]any{"kid": test.kid, "typ": "JWT"}, claimsWith(nil))
		if caller, err := all.Verify(t.Context(), token); err != nil || caller.Name != "jwt:build-7" {
			t.Errorf("%s: %+v, %v", test.alg, caller, err)
		}
		_, err := byDefault.Verify(t.Context(), token)
		switch {
		case test.byDefault && err != nil:
			t.Errorf("%s by default: %v", test.alg, err)
		case !test.byDefault:
			wantError(t, err, AlgorithmNotAllowed, "header alg", token)
		}
	}
}

// TestCaller: what is told of a caller.
func TestCaller(t *testing.T) {
	v := verifier(t, Config{JWKS: keyFile(t, jwks(jwk(p256(), "a", "sig", "ES256")))})
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	token := good(map[string]any{
		"sub": "project_path:acme/app:ref_type:branch:ref:main", "aud": []string{"other", audience}, "exp": expires.Unix(),
		"project_path": "acme/app", "ref_protected": "true", "admin": false, "user_id": 42, "ratio": 1.5, "groups": []any{"ops", "dev", 7, true}, "nested": []any{"ops", []any{"banned"}}, "nulls": []any{nil},
		"none": []string{}, "nothing": nil, "object": map[string]any{"a": 1},
	})
	want := Caller{
		Name: "jwt:project_path:acme/app:ref_type:branch:ref:main", Expires: expires.Add(30 * time.Second),
		Claims: map[string]any{
			"iss": issuer, "aud": []string{"other", audience}, "sub": "project_path:acme/app:ref_type:branch:ref:main",
			"project_path": "acme/app", "ref_protected": "true", "admin": false, "user_id": "42", "ratio": "1.5", "groups": []string{"ops", "dev", "7", "true"}, "none": []string{},
		},
	}
	for range 2 { // the second one is remembered
		caller, err := v.Verify(t.Context(), token)
		if diff := cmp.Diff(want, caller); err != nil || diff != "" {
			t.Errorf("%v, -want +got\n%s", err, diff)
		}
	}
}

// TestGoodTokens: forms that are taken.
func TestGoodTokens(t *testing.T) {
	set := jwks(jwk(p256(), "a", "", ""))
	v := verifier(t, Config{JWKS: keyFile(t, set)})
	anyIssuer := verifier(t, Config{JWKS: keyFile(t, set), Audience: audience})
	kid := map[string]any{"kid": "a"}
	for name, token := range map[string]string{
		"no key id":          sign(jose.ES256, p256(), nil, claimsWith(nil)),
		"spaces":             sign(jose.ES256, p256(), kid, ` { "iss" : "`+issuer+`" , "aud" : [ "x" , "`+audience+`" ] , "sub" : "a" , "exp" : 9999999999.5 } `),
		"an access token":    sign(jose.ES256, p256(), map[string]any{"typ": "at+JWT"}, claimsWith(nil)),
		"no iat, no nbf":     good(map[string]any{"iat": nil, "nbf": nil}),
		"exp as 1e10":        sign(jose.ES256, p256(), kid, `{"iss":"`+issuer+`","aud":"`+audience+`","sub":"a","exp":1e10}`),
		"clocks that differ": good(map[string]any{"iat": time.Now().Add(20 * time.Second).Unix(), "nbf": time.Now().Add(20 * time.Second).Unix(), "exp": time.Now().Add(-20 * time.Second).Unix()}),
		"an unknown header":  sign(jose.ES256, p256(), map[string]any{"kid": "a", "jku": "https://evil.example.org", "x": 1}, claimsWith(nil)),
	} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := anyIssuer.Verify(t.Context(), good(map[string]any{"iss": nil})); err != nil {
		t.Error(err)
	}
}

// TestWrongTokens: each is refused by a rule with a name, and the error tells nothing else.
func TestWrongTokens(t *testing.T) {
	v := verifier(t, Config{JWKS: keyFile(t, jwks(jwk(p256(), "a", "", ""), jwk(rsaPair(), "r", "sig", "RS256")))})
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: made(x509.MarshalPKIXPublicKey(rsaPair().Public()))})
	payload := `{"iss":"` + issuer + `","aud":"` + audience + `","sub":"c4n4ry","exp":9999999999}`
	kid := map[string]any{"kid": "a"}
	raw := func(payload string) string { return sign(jose.ES256, p256(), kid, payload) }
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	parts := strings.Split(good(nil), ".")
	flipped := "A"
	if parts[2][0] == 'A' {
		flipped = "B"
	}
	for name, test := range map[string]struct {
		token  string
		reason Reason
		part   string
	}{
		"none":                          {"", NoToken, ""},
		"too long":                      {good(map[string]any{"x": strings.Repeat("x", maxToken)}), TooLong, ""},
		"a word":                        {"c4n4ry", Malformed, ""},
		"with the word Bearer":          {"Bearer " + good(nil), Malformed, ""},
		"with a line":                   {parts[0] + "\n." + parts[1] + "." + parts[2], Malformed, ""},
		"with padding":                  {good(nil) + "=", Malformed, ""},
		"two parts":                     {parts[0] + "." + parts[1], Malformed, ""},
		"five parts":                    {good(nil) + ".a.b", Malformed, ""},
		"as JSON":                       {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, Malformed, ""},
		"points alone":                  {"..", Malformed, "header"},
		"a header that is no base64":    {"a." + parts[1] + "." + parts[2], Malformed, "header"},
		"a header that is no JSON":      {encode("c4n4ry", payload, parts[2]), Malformed, "header"},
		"a header that is null":         {encode("null", payload, parts[2]), Malformed, "header"},
		"a header with a member twice":  {encode(`{"alg":"ES256","alg":"ES256"}`, payload, parts[2]), Malformed, "header"},
		"no alg":                        {encode(`{"kid":"a"}`, payload, parts[2]), AlgorithmNotAllowed, "header alg"},
		"alg of another type":           {encode(`{"alg":["ES256"]}`, payload, parts[2]), AlgorithmNotAllowed, "header alg"},
		"alg none":                      {encode(`{"alg":"none","kid":"a"}`, payload, ""), AlgorithmNotAllowed, "header alg"},
		"alg None":                      {encode(`{"alg":"None","kid":"a"}`, payload, ""), AlgorithmNotAllowed, "header alg"},
		"alg in small letters":          {encode(`{"alg":"es256","kid":"a"}`, payload, parts[2]), AlgorithmNotAllowed, "header alg"},
		"HS256 with the public key":     {sign(jose.HS256, publicPEM, map[string]any{"kid": "r"}, payload), AlgorithmNotAllowed, "header alg"},
		"RS512, which is not allowed":   {sign(jose.RS512, rsaPair(), map[string]any{"kid": "r"}, payload), AlgorithmNotAllowed, "header alg"},
		"PS256 with a key for RS256":    {sign(jose.PS256, rsaPair(), map[string]any{"kid": "r"}, payload), UnknownKey, "header kid"},
		"the key id of another kind":    {sign(jose.ES256, p256(), map[string]any{"kid": "r"}, payload), UnknownKey, "header kid"},
		"no key of that kind":           {sign(jose.EdDSA, edPair(), nil, payload), UnknownKey, "header alg"},
		"an unknown key":                {sign(jose.ES256, p256(), map[string]any{"kid": "c4n4ry"}, payload), UnknownKey, "header kid"},
		"a key id of another type":      {encode(`{"alg":"ES256","kid":7}`, payload, parts[2]), Malformed, "header kid"},
		"crit":                          {sign(jose.ES256, p256(), map[string]any{"kid": "a", "crit": []string{"exp"}}, payload), Malformed, "header crit"},
		"b64":                           {sign(jose.ES256, p256(), map[string]any{"kid": "a", "b64": true}, payload), Malformed, "header b64"},
		"a logout token":                {sign(jose.ES256, p256(), map[string]any{"kid": "a", "typ": "logout+jwt"}, payload), Malformed, "header typ"},
		"typ of another type":           {sign(jose.ES256, p256(), map[string]any{"kid": "a", "typ": 7}, payload), Malformed, "header typ"},
		"no signature":                  {parts[0] + "." + parts[1] + ".", BadSignature, ""},
		"another's signature":           {sign(jose.ES256, other256(), kid, payload), BadSignature, ""},
		"another's, no key id":          {sign(jose.ES256, other256(), nil, payload), BadSignature, ""},
		"another's, with his key in it": {signEmbedded(payload), BadSignature, ""},
		"a changed payload":             {parts[0] + "." + strings.Split(raw(payload), ".")[1] + "." + parts[2], BadSignature, ""},
		"a changed signature":           {parts[0] + "." + parts[1] + "." + flipped + parts[2][1:], BadSignature, ""},
		"a payload that is no JSON":     {raw("c4n4ry"), Malformed, "payload"},
		"a payload that is a list":      {raw("[]"), Malformed, "payload"},
		"a payload that is null":        {raw("null"), Malformed, "payload"},
		"a claim twice":                 {raw(payload[:len(payload)-1] + `,"sub":"b"}`), Malformed, "payload"},
		"no UTF-8":                      {raw(strings.Replace(payload, "c4n4ry", "\xff", 1)), Malformed, "payload"},
		"another issuer":                {good(map[string]any{"iss": issuer + "/"}), WrongIssuer, "claim iss"},
		"no issuer":                     {good(map[string]any{"iss": nil}), WrongIssuer, "claim iss"},
		"a list of issuers":             {good(map[string]any{"iss": []string{issuer}}), WrongIssuer, "claim iss"},
		"another audience":              {good(map[string]any{"aud": "Jobgate"}), WrongAudience, "claim aud"},
		"other audiences":               {good(map[string]any{"aud": []string{"a", "b"}}), WrongAudience, "claim aud"},
		"no audience":                   {good(map[string]any{"aud": nil}), WrongAudience, "claim aud"},
		"an empty list of audiences":    {good(map[string]any{"aud": []string{}}), WrongAudience, "claim aud"},
		"audiences of other types":      {good(map[string]any{"aud": []any{audience, 7}}), WrongAudience, "claim aud"},
		"expired":                       {good(map[string]any{"exp": at(-31 * time.Second)}), Expired, "claim exp"},
		"no end":                        {good(map[string]any{"exp": nil}), Malformed, "claim exp"},
		"an end as text":                {good(map[string]any{"exp": "9999999999"}), Malformed, "claim exp"},
		"an end that is null":           {raw(strings.Replace(payload, "9999999999", "null", 1)), Malformed, "claim exp"},
		"an end beyond all":             {good(map[string]any{"exp": 1e300}), Malformed, "claim exp"},
		"an end before 1970":            {good(map[string]any{"exp": -1}), Malformed, "claim exp"},
		"not yet valid":                 {good(map[string]any{"nbf": at(time.Minute)}), NotYetValid, "claim nbf"},
		"a beginning as text":           {good(map[string]any{"nbf": "now"}), Malformed, "claim nbf"},
		"issued in the future":          {good(map[string]any{"iat": at(time.Minute)}), IssuedInFuture, "claim iat"},
		"an issue as list":              {good(map[string]any{"iat": []int{1}}), Malformed, "claim iat"},
		"no subject":                    {good(map[string]any{"sub": nil}), NoSubject, "claim sub"},
		"an empty subject":              {good(map[string]any{"sub": ""}), NoSubject, "claim sub"},
		"a subject that is a number":    {good(map[string]any{"sub": 7}), Malformed, "claim sub"},
		"a subject that is null":        {raw(strings.Replace(payload, `"c4n4ry"`, "null", 1)), Malformed, "claim sub"},
		"a subject of two lines":        {good(map[string]any{"sub": "a\nb"}), Malformed, "claim sub"},
		"a subject of half a letter":    {raw(strings.Replace(payload, "c4n4ry", `\ud800`, 1)), Malformed, "claim sub"},
		"a long subject":                {good(map[string]any{"sub": strings.Repeat("a", maxSubject+1)}), Malformed, "claim sub"},
		"too many values":               {good(map[string]any{"groups": make([]int, maxValues+1)}), TooLong, "payload"},
		"too many claims":               {good(manyClaims()), TooLong, "payload"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // nothing of it is remembered
				caller, err := v.Verify(t.Context(), test.token)
				if caller.Name != "" || caller.Claims != nil {
					t.Errorf("told as %+v", caller)
				}
				wantError(t, err, test.reason, test.part, test.token)
			}
		})
	}
}

// signEmbedded makes a token signed by a key that is in its own header.
func signEmbedded(payload string) string {
	signer := made(jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: other256()}, &jose.SignerOptions{EmbedJWK: true}))
	return made(made(signer.Sign([]byte(payload))).CompactSerialize())
}

func manyClaims() map[string]any {
	claims := map[string]any{}
	for i := range maxClaims {
		claims[strings.Repeat("x", i+1)[:1]+string(rune('a'+i/26))+string(rune('a'+i%26))] = i
	}
	return claims
}
