package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Bounds of keys.
const (
	maxKeys    = 100
	minRSABits = 2048 // RFC 7518, section 3.3
)

// keySet is a set of public keys. It never changes.
type keySet struct {
	keys []key
}

// key is a public key, and what it is for.
type key struct {
	id         string // "" if it has none
	public     any
	algorithms []jose.SignatureAlgorithm
}

// parseKeys reads a JWKS. Keys that verify no signature that we know are passed over;
// there must be another one. A set that holds a secret is refused.
func parseKeys(text []byte) (*keySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, errors.New("the key set is no JSON object with a list of keys")
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys; there can be %d", len(raw.Keys), maxKeys)
	}
	set := &keySet{}
	var passedOver error
	for i, text := range raw.Keys {
		k, err := parseKey(text)
		switch {
		case errors.Is(err, errSecret):
			return nil, fmt.Errorf("key %d of the set: %w", i+1, err)
		case err != nil:
			passedOver = fmt.Errorf("key %d: %w", i+1, err)
		default:
			set.keys = append(set.keys, k)
		}
	}
	if len(set.keys) == 0 && passedOver != nil {
		return nil, fmt.Errorf("the key set has no key that verifies signatures; %w", passedOver)
	}
	if len(set.keys) == 0 {
		return nil, errors.New("the key set is empty")
	}
	return set, nil
}

var errSecret = errors.New("is a private or shared key, which must not be here")

// parseKey reads a key, or says why it is of no use.
func parseKey(text []byte) (key, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return key{}, errors.New("is no JSON object")
	}
	for _, secret := range []string{"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"} {
		if _, ok := members[secret]; ok {
			return key{}, errSecret
		}
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(text); err != nil || !jwk.Valid() || !jwk.IsPublic() {
		return key{}, errors.New("is of no known kind, or damaged")
	}
	if jwk.Use != "" && jwk.Use != "sig" || !verifies(members["key_ops"]) {
		return key{}, errors.New("is not for signatures")
	}
	k := key{id: jwk.KeyID, public: jwk.Key, algorithms: algorithmsOf(jwk.Key)}
	if len(k.algorithms) == 0 {
		return key{}, fmt.Errorf("is of a kind or size that is not used; RSA needs %d bits", minRSABits)
	}
	if alg := jose.SignatureAlgorithm(jwk.Algorithm); alg != "" {
		if !slices.Contains(k.algorithms, alg) {
			return key{}, errors.New("is for an algorithm that does not fit it")
		}
		k.algorithms = []jose.SignatureAlgorithm{alg}
	}
	return k, nil
}

// verifies reads `key_ops`, which need not be there.
func verifies(text json.RawMessage) bool {
	var ops []string
	return text == nil || json.Unmarshal(text, &ops) == nil && slices.Contains(ops, "verify")
}

// algorithmsOf are all that a key can be for: what a key is for is never up to a token.
func algorithmsOf(public any) []jose.SignatureAlgorithm {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() >= minRSABits {
			return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}
		}
	case *ecdsa.PublicKey:
		switch public.Curve.Params().BitSize {
		case 256:
			return []jose.SignatureAlgorithm{jose.ES256}
		case 384:
			return []jose.SignatureAlgorithm{jose.ES384}
		case 521:
			return []jose.SignatureAlgorithm{jose.ES512}
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	}
	return nil
}

// named says whether a key has this id, whatever it is for.
func (s *keySet) named(id string) bool {
	return slices.ContainsFunc(s.keys, func(k key) bool { return k.id == id })
}

// candidates are the keys that can have signed a token by alg: those of its key id, or
// those without one if none has it; all if the token names none.
func (s *keySet) candidates(id string, alg jose.SignatureAlgorithm) (fitting []key) {
	whole := id == ""
	if !whole && !s.named(id) {
		id = ""
	}
	for _, k := range s.keys {
		if (whole || k.id == id) && slices.Contains(k.algorithms, alg) {
			fitting = append(fitting, k)
		}
	}
	return fitting
}
