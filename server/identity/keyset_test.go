package identity

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// member adds one to a key.
func member(k jose.JSONWebKey, name string, value any) string {
	var members map[string]any
	text := made(json.Marshal(k))
	if err := json.Unmarshal(text, &members); err != nil {
		panic(err)
	}
	members[name] = value
	return string(made(json.Marshal(members)))
}

// TestWrongKeySets: each is refused, or has no key.
func TestWrongKeySets(t *testing.T) {
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	key := jwk(p256(), "a", "", "")
	for name, test := range map[string]struct{ text, want string }{
		"no JSON":                 {"-----BEGIN PUBLIC KEY-----", "is no JSON object with a list of keys"},
		"a list":                  {"[]", "is no JSON object"},
		"no keys":                 {`{}`, "the key set is empty"},
		"an empty list":           {`{"keys":[]}`, "the key set is empty"},
		"a key alone":             {member(key, "x1", 1), "the key set is empty"},
		"null as key":             {set("null"), "has no key that verifies signatures; key 1"},
		"a key of a number":       {set("7"), "key 1: is no JSON object"},
		"an unknown kind":         {set(`{"kty":"XYZ"}`), "key 1: is of no known kind"},
		"a point off the curve":   {set(member(key, "x", "AAAA")), "key 1: is of no known kind, or damaged"},
		"for encryption":          {set(member(key, "use", "enc")), "key 1: is not for signatures"},
		"for signing alone":       {set(member(key, "key_ops", []string{"sign"})), "key 1: is not for signatures"},
		"key_ops of another type": {set(member(key, "key_ops", "verify")), "key 1: is not for signatures"},
		"alg of another kind":     {set(member(key, "alg", "RS256")), "key 1: is for an algorithm that does not fit"},
		"alg HS256":               {set(member(jwk(rsaPair(), "r", "", ""), "alg", "HS256")), "does not fit"},
		"alg none":                {set(member(key, "alg", "none")), "does not fit"},
		"RSA of 1024 bits":        {set(string(made(json.Marshal(jwk(smallPair(), "r", "", ""))))), "RSA needs 2048 bits"},
		"a private key":           {set(member(key, "a", 1), string(made(json.Marshal(jose.JSONWebKey{Key: p256()})))), "key 2 of the set: is a private or shared key"},
		"a shared key":            {set(member(key, "a", 1), `{"kty":"oct","k":"c4n4ry"}`), "key 2 of the set: is a private or shared key"},
		"too many keys":           {set(slices.Repeat([]string{"{}"}, maxKeys+1)...), "has 101 keys; there can be 100"},
		"too large":               {set() + strings.Repeat(" ", maxSet), "larger than 256 KiB"},
	} {
		v, err := New(Config{JWKS: keyFile(t, test.text), Audience: audience})
		if err == nil {
			v.Close()
			t.Errorf("%s: taken", name)
		} else if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// TestWhichKeys: a token is verified by the keys that it can be by.
func TestWhichKeys(t *testing.T) {
	a, b := jwk(p256(), "a", "sig", "ES256"), jwk(other256(), "b", "", "")
	anonymous := func(k jose.JSONWebKey) jose.JSONWebKey { k.KeyID = ""; return k }
	named := func(k jose.JSONWebKey, id string) jose.JSONWebKey { k.KeyID = id; return k }
	unfit := func(k jose.JSONWebKey, use string) jose.JSONWebKey { k.Use = use; return k }
	for name, test := range map[string]struct {
		keys   []jose.JSONWebKey
		kid    any // of a token by p256; nil for none
		reason Reason
	}{
		"its key":                            {[]jose.JSONWebKey{b, a}, "a", 0},
		"no id, and several keys":            {[]jose.JSONWebKey{b, jwk(rsaPair(), "r", "", ""), a}, nil, 0},
		"no id, and keys without":            {[]jose.JSONWebKey{anonymous(b), anonymous(a)}, nil, 0},
		"an id, and keys without":            {[]jose.JSONWebKey{anonymous(b), anonymous(a)}, "a", 0},
		"an id of another, its key without":  {[]jose.JSONWebKey{b, anonymous(a)}, "b", BadSignature},
		"an id that two have":                {[]jose.JSONWebKey{named(b, "a"), a}, "a", 0},
		"an id that two have, of two kinds":  {[]jose.JSONWebKey{named(jwk(rsaPair(), "r", "", ""), "a"), a}, "a", 0},
		"an id that two have, none is right": {[]jose.JSONWebKey{named(b, "a"), named(b, "a")}, "a", BadSignature},
		"the id of another":                  {[]jose.JSONWebKey{a, b}, "b", BadSignature},
		"its key is for encryption":          {[]jose.JSONWebKey{b, unfit(a, "enc")}, "a", UnknownKey},
		"its key is for encryption, no id":   {[]jose.JSONWebKey{b, unfit(a, "enc")}, nil, BadSignature},
		"an empty id":                        {[]jose.JSONWebKey{b, a}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, Config{JWKS: keyFile(t, jwks(test.keys...))})
			header := map[string]any{}
			if test.kid != nil {
				header["kid"] = test.kid
			}
			token := sign(jose.ES256, p256(), header, claimsWith(nil))
			_, err := v.Verify(t.Context(), token)
			switch {
			case test.reason == 0 && err != nil:
				t.Error(err)
			case test.reason == UnknownKey:
				wantError(t, err, UnknownKey, "header kid", token)
			case test.reason != 0:
				wantError(t, err, test.reason, "", token)
			}
		})
	}
}
