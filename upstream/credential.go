package upstream

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// Credential is what a caller shows to GitLab, each sent in the header of its
// name as it came; contract section 2. The zero Credential is an anonymous
// caller. Printing or logging one tells which parts are set, never their values.
type Credential struct {
	PrivateToken  string // Private-Token: an access token
	Authorization string // Authorization: usually "Bearer …"
	JobToken      string // Job-Token: the token of a running job
	Sudo          string // Sudo: the user to act as, by number or name
	DPoP          string // DPoP: proof of possession
}

// Present reports whether c holds a token, so that the call is not anonymous.
func (c Credential) Present() bool {
	return c.PrivateToken != "" || c.Authorization != "" || c.JobToken != ""
}

// shortestSecret is the length from which a value is looked for in texts: a
// shorter one would be found in innocent words.
const shortestSecret = 6

// Scrub replaces each secret of c within text by `[redacted]`, also what follows
// the scheme in Authorization. Sudo names a user and is no secret.
func (c Credential) Scrub(text string) string {
	_, bearer, _ := strings.Cut(c.Authorization, " ")
	for _, secret := range [...]string{c.PrivateToken, c.Authorization, bearer, c.JobToken, c.DPoP} {
		if secret = strings.TrimSpace(secret); len(secret) >= shortestSecret {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return text
}

// echoed are the headers of an answer that get into errors and logs, and there are cut.
var echoed = [...]string{"Content-Type", "Content-Encoding", "X-Request-Id"}

// scrubHeader takes the secrets of c out of those.
func (c Credential) scrubHeader(h http.Header) {
	for _, name := range echoed {
		for i, value := range h[name] {
			if clean := c.Scrub(value); clean != value {
				h[name][i] = clean
			}
		}
	}
}

// String tells which parts are set.
func (c Credential) String() string {
	var set []string
	for _, h := range c.headers() {
		if h.value != "" {
			set = append(set, strings.ToLower(h.name))
		}
	}
	if set == nil {
		return "anonymous"
	}
	return "[" + strings.Join(set, " ") + "]"
}

// GoString is String, so that %#v masks too.
func (c Credential) GoString() string { return c.String() }

// Format writes String, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is String as a log attribute.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText is String, so that encoders mask too.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

type headerField struct{ name, value string }

// headers are the header fields of c, also the empty ones, by canonical name.
func (c Credential) headers() [5]headerField {
	return [...]headerField{
		{"Private-Token", c.PrivateToken},
		{"Authorization", c.Authorization},
		{"Job-Token", c.JobToken},
		{"Sudo", c.Sudo},
		{"Dpop", c.DPoP},
	}
}
