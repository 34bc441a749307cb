package admission

import (
	"context"
	"crypto/tls"
	"strings"
	"time"

	"github.com/jobgate/jobgate/server/certs"
	"github.com/jobgate/jobgate/server/identity"
	"github.com/jobgate/jobgate/server/policy"
	"github.com/jobgate/jobgate/upstream"
)

// Gate decides who comes in. It is safe for concurrent use.
type Gate struct {
	token  *TokenFile
	tokens *identity.Verifier // nil: no bearer tokens are taken
	policy *policy.Store
	held   holds
}

// New makes a gate. Tokens may be nil: then callers are known by their certificates alone.
func New(token *TokenFile, tokens *identity.Verifier, rules *policy.Store) *Gate {
	return &Gate{token: token, tokens: tokens, policy: rules}
}

// Caller is one who is known.
type Caller struct {
	names   []string
	claims  map[string]any
	expires time.Time // of token or certificate; zero: not by itself
}

// Name is how a caller is named in logs, and kept apart from others: all his names, with a
// blank between. Blanks in them are escaped, so that no two callers have the same.
func (c *Caller) Name() string {
	names := make([]string, len(c.names))
	for i, name := range c.names {
		names[i] = strings.NewReplacer("%", "%25", " ", "%20").Replace(name)
	}
	return strings.Join(names, " ")
}

// Credential is what GitLab is asked with.
func (g *Gate) Credential() upstream.Credential { return g.token.Credential() }

// Admit finds out who calls, by what he shows and by his certificate, if it was verified. A
// bearer token that is shown must be good, whatever the certificate. The error is a
// *StrangerError, an [*identity.Error] or an [*identity.KeysError].
func (g *Gate) Admit(ctx context.Context, shown upstream.Credential, connection *tls.ConnectionState) (*Caller, error) {
	if shown.PrivateToken != "" || shown.JobToken != "" || shown.Sudo != "" || shown.DPoP != "" {
		return nil, &StrangerError{"private-token, job-token, sudo and dpop are not taken here: the gateway has a token of its own, and knows callers by certificate or bearer token"}
	}
	c := &Caller{names: certs.Names(connection), expires: certs.Until(connection)}
	scheme, token, _ := strings.Cut(shown.Authorization, " ")
	switch {
	case !c.expires.IsZero() && !time.Now().Before(c.expires):
		return nil, &StrangerError{"the client certificate has expired"}
	case shown.Authorization == "" && len(c.names) == 0:
		return nil, &StrangerError{"a client certificate with a name, or a bearer token, is needed"}
	case shown.Authorization == "":
		return c, nil
	case !strings.EqualFold(scheme, "Bearer"):
		return nil, &StrangerError{"authorization must be Bearer and a token"}
	case g.tokens == nil:
		return nil, &StrangerError{"bearer tokens are not taken here"}
	}
	who, err := g.tokens.Verify(ctx, strings.TrimSpace(token))
	if err != nil {
		return nil, err
	}
	c.names = append(c.names, who.Name)
	c.claims = who.Claims
	if c.expires.IsZero() || who.Expires.Before(c.expires) {
		c.expires = who.Expires
	}
	return c, nil
}

// Decide says whether a caller may call a method, of the contract, on a project, "" for
// none. The error is a *DeniedError. Rule is the one that allows.
func (g *Gate) Decide(c *Caller, method, project string) (rule string, err error) {
	d := g.policy.Current().Decide(policy.Request{Callers: c.names, Claims: c.claims, Method: method, Project: project})
	if !d.Allowed {
		return "", &DeniedError{d.Rule, d.Why}
	}
	return d.Rule, nil
}
