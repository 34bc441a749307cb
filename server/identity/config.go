package identity

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Config says which tokens are taken.
type Config struct {
	// JWKS is where the public keys are: the path of a file, or an https URL. An http URL
	// must name the loopback: localhost, 127.0.0.0/8 or ::1. Required.
	JWKS string
	// Issuer is what `iss` must be, exactly. If empty, all that the keys sign is taken.
	Issuer string
	// Audience must be `aud`, or one of it, exactly. Required: a token for another service
	// is not one for us.
	Audience string
	// Leeway is by how much clocks may differ: 30 s by default, at most 2 minutes.
	Leeway time.Duration
	// Algorithms are those that tokens may be signed with, of RS256, RS384, RS512, PS256,
	// PS384, PS512, ES256, ES384, ES512 and EdDSA. By default RS256, PS256, ES256, ES384
	// and EdDSA. Nothing else can be allowed: not `none`, and no shared secret (HS256).
	Algorithms []string
	// Client fetches the keys. Its redirects are bounded as by default: at most three, none
	// to http. By default one with timeouts of its own, which obeys the proxy variables of
	// the environment.
	Client *http.Client
	// Refreshed is told the outcome of each reading of the keys, for the log: whether they
	// are others than before, or what went wrong. It is called from one goroutine at a
	// time. Nil tells nobody.
	Refreshed func(changed bool, err error)
}

const maxLeeway = 2 * time.Minute

// known are the algorithms that can be allowed.
var known = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// rules are those of a Config, checked.
type rules struct {
	issuer, audience string
	leeway           time.Duration
	algorithms       []jose.SignatureAlgorithm
}

func (cfg Config) rules() (rules, error) {
	r := rules{issuer: cfg.Issuer, audience: cfg.Audience, leeway: cfg.Leeway}
	switch {
	case cfg.JWKS == "":
		return r, errors.New("the keys (JWKS) are missing: a file or an https URL")
	case cfg.Audience == "":
		return r, errors.New("the audience is missing")
	case cfg.Leeway < 0 || cfg.Leeway > maxLeeway:
		return r, fmt.Errorf("the leeway %v is not between 0 and %v", cfg.Leeway, maxLeeway)
	case cfg.Leeway == 0:
		r.leeway = 30 * time.Second
	}
	for _, name := range cfg.Algorithms {
		alg := jose.SignatureAlgorithm(name)
		if !slices.Contains(known, alg) {
			return r, fmt.Errorf("algorithm %q is none of %s", name, names(known))
		}
		r.algorithms = append(r.algorithms, alg)
	}
	if len(cfg.Algorithms) == 0 {
		r.algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.ES384, jose.EdDSA}
	}
	return r, nil
}

func names(algorithms []jose.SignatureAlgorithm) string {
	words := make([]string, len(algorithms))
	for i, alg := range algorithms {
		words[i] = string(alg)
	}
	return strings.Join(words, ", ")
}
