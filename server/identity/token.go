package identity

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// parsedToken is a token whose signature is not verified yet.
type parsedToken struct {
	jws *jose.JSONWebSignature
	id  string // of the key, "" if it names none
	alg jose.SignatureAlgorithm
}

func malformed(part, rule string) *Error {
	return &Error{Reason: Malformed, Part: part, Rule: rule}
}

// types are what `typ` can be, in lower case. Those of other uses, such as logout tokens,
// are not for calls.
var types = []string{"", "jwt", "jose", "at+jwt", "application/at+jwt", "application/jwt"}

// parse reads the header of a token, which says how it is to be verified; the rules, and
// not the header, say how it may be.
func parse(token string, allowed []jose.SignatureAlgorithm) (*parsedToken, error) {
	if strings.ContainsFunc(token, func(r rune) bool { return !tokenRune(r) }) || strings.Count(token, ".") != 2 {
		return nil, malformed("", "is not three parts of base64url with points between them")
	}
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	var header map[string]json.RawMessage
	if err != nil || json.Unmarshal(text, &header) != nil || header == nil {
		return nil, malformed("header", "is no JSON object")
	}
	t := &parsedToken{}
	alg, ok := textOf(header["alg"])
	if t.alg = jose.SignatureAlgorithm(alg); !ok || !slices.Contains(allowed, t.alg) {
		return nil, &Error{AlgorithmNotAllowed, "header alg", "must be one of " + names(allowed)}
	}
	for _, name := range []string{"crit", "b64"} {
		if _, ok := header[name]; ok {
			return nil, malformed("header "+name, "extensions are not known")
		}
	}
	if typ, ok := textOf(header["typ"]); header["typ"] != nil && !ok || !slices.Contains(types, strings.ToLower(typ)) {
		return nil, malformed("header typ", "must be JWT")
	}
	if t.id, ok = textOf(header["kid"]); header["kid"] != nil && !ok {
		return nil, malformed("header kid", "must be a text")
	}
	if t.jws, err = jose.ParseSignedCompact(token, allowed); err != nil {
		return nil, malformed("", "is no signed JWT")
	}
	return t, nil
}

func tokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

// textOf reads a JSON text.
func textOf(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(raw, &text) == nil
}

// verify returns what was signed by a key of the set.
func (t *parsedToken) verify(set *loaded) ([]byte, *Error) {
	candidates := set.candidates(t.id, t.alg)
	for _, k := range candidates {
		if payload, err := t.jws.Verify(k.public); err == nil {
			return payload, nil
		}
	}
	switch {
	case len(candidates) > 0:
		return nil, &Error{Reason: BadSignature, Rule: "the signature is wrong"}
	case t.id == "":
		return nil, &Error{UnknownKey, "header alg", "there is no key for the algorithm"}
	case set.named(t.id):
		return nil, &Error{UnknownKey, "header kid", "the key is not for the algorithm"}
	}
	return nil, &Error{UnknownKey, "header kid", "there is no such key"}
}

// wantsNewer says whether a set that is newer can have the key that is missing in this one.
func (t *parsedToken) wantsNewer(set *loaded) bool { return t.id == "" || !set.named(t.id) }
