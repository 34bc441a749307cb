package identity

import (
	"context"
	"errors"
	"time"
)

// maxToken is the longest token in bytes.
const maxToken = 8 << 10

// Caller is whom a token is about.
type Caller struct {
	// Name is "jwt:" and the subject.
	Name string
	// Claims are those that can be compared with a text: of type string, bool or []string. A
	// number is its text as it stands; in a list so is true or false. Objects, nulls and
	// the times are left out. It is shared, and must not be changed.
	Claims map[string]any
	// Expires is when the token ends, leeway included. What goes on for long asks again
	// then.
	Expires time.Time
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	rules rules
	keys  *keys
	cache *cache
}

// New makes a verifier. A file of keys must be good now; a URL is fetched in the
// background, and tokens wait for it. Close ends the verifier.
func New(cfg Config) (*Verifier, error) {
	r, err := cfg.rules()
	if err != nil {
		return nil, err
	}
	s, err := newSource(cfg.JWKS, cfg.Client)
	if err != nil {
		return nil, err
	}
	v := &Verifier{rules: r, keys: newKeys(s, cfg.Refreshed), cache: newCache()}
	v.keys.run()
	if s.url == "" {
		if _, err := v.keys.get(context.Background()); err != nil {
			v.Close()
			return nil, errors.Unwrap(err)
		}
	}
	return v, nil
}

// Close ends what goes on in the background. Calls that wait for keys end with a
// [*KeysError].
func (v *Verifier) Close() { v.keys.close() }

// Reload reads the keys now, and says whether they are others than before. With an error
// the old ones stay. It takes 20 seconds at most.
func (v *Verifier) Reload() (changed bool, err error) { return v.keys.reload() }

// Verify says whom a token is about. The token is as in the header, without the word
// Bearer. The error is an [*Error] if the token is not good, or a [*KeysError] if there are
// no keys to tell; ctx bounds the wait for them.
func (v *Verifier) Verify(ctx context.Context, token string) (Caller, error) {
	switch {
	case token == "":
		return Caller{}, &Error{Reason: NoToken, Rule: "there is none"}
	case len(token) > maxToken:
		return Caller{}, &Error{Reason: TooLong, Rule: "is longer than 8 KiB"}
	}
	now := time.Now()
	name := v.cache.digest(token)
	if set := v.keys.current.Load(); set != nil {
		if caller, ok := v.cache.get(name, set.generation); ok && now.Before(caller.Expires) {
			return caller, nil
		}
	}
	parsed, err := parse(token, v.rules.algorithms)
	if err != nil {
		return Caller{}, err
	}
	payload, set, err := v.payload(ctx, parsed)
	if err != nil {
		return Caller{}, err
	}
	caller, err := v.rules.caller(payload, time.Now())
	if err != nil {
		return Caller{}, err
	}
	v.cache.put(name, caller, set.generation)
	return caller, nil
}

// payload verifies the signature, and returns what was signed and the set with the key.
func (v *Verifier) payload(ctx context.Context, t *parsedToken) ([]byte, *loaded, error) {
	set, err := v.keys.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	payload, fail := t.verify(set)
	if fail != nil && t.wantsNewer(set) {
		if newer, ok := v.keys.newer(ctx, set); ok {
			set = newer
			payload, fail = t.verify(set)
		}
	}
	if fail != nil {
		return nil, nil, fail
	}
	return payload, set, nil
}
