package admission

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jobgate/jobgate/server/certs"
	"github.com/jobgate/jobgate/upstream"
)

// maxToken is how long GitLab's token may be, in bytes.
const maxToken = 8 << 10

// TokenFile holds GitLab's token, which a file has: a personal, project or group access
// token, or, with "Bearer " before it, one of OAuth. It is safe for concurrent use.
type TokenFile struct {
	path    string
	loading sync.Mutex
	digest  [sha256.Size]byte
	current atomic.Pointer[upstream.Credential]
}

// NewTokenFile reads the file at path. Errors name the file and the rule that it breaks, and
// nothing of what is in it.
func NewTokenFile(path string) (*TokenFile, error) {
	f := &TokenFile{path: path}
	_, err := f.Reload()
	return f, err
}

// Credential is the token that was read last.
func (f *TokenFile) Credential() upstream.Credential { return *f.current.Load() }

// Files names the file; see [certs.Reloader].
func (f *TokenFile) Files() []string { return []string{f.path} }

// LogValue says that there is a token, and nothing of it.
func (f *TokenFile) LogValue() slog.Value {
	return slog.GroupValue(slog.String("file", f.path), slog.String("holds", "the token for gitlab"))
}

// Reload reads the file again; see [certs.Reloader].
func (f *TokenFile) Reload() (changed bool, err error) {
	f.loading.Lock()
	defer f.loading.Unlock()
	text, err := certs.ReadSecret(f.path)
	if err != nil {
		return false, err
	}
	digest := sha256.Sum256(text)
	if f.current.Load() != nil && digest == f.digest {
		return false, nil
	}
	c, err := parseToken(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.path, err)
	}
	f.digest = digest
	f.current.Store(&c)
	return true, nil
}

// parseToken reads a token, with blanks and line breaks around it.
func parseToken(text []byte) (upstream.Credential, error) {
	token := string(bytes.TrimSpace(text))
	bearer := false
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token, bearer = strings.TrimSpace(rest), true
	}
	switch {
	case token == "":
		return upstream.Credential{}, errNoToken
	case len(token) > maxToken:
		return upstream.Credential{}, errLongToken
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return upstream.Credential{}, errNotOneToken
	case bearer:
		return upstream.Credential{Authorization: "Bearer " + token}, nil
	}
	return upstream.Credential{PrivateToken: token}, nil
}
