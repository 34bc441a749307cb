package identity

import (
	"strings"
	"testing"
	"time"
)

// TestWrongConfigs: each is refused, in words that say what is allowed.
func TestWrongConfigs(t *testing.T) {
	path := keyFile(t, jwks(jwk(p256(), "a", "", "")))
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"no keys":               {Config{Audience: "a"}, "the keys (JWKS) are missing"},
		"no audience":           {Config{JWKS: path}, "the audience is missing"},
		"a long leeway":         {Config{JWKS: path, Audience: "a", Leeway: 2*time.Minute + 1}, "is not between 0 and 2m0s"},
		"a negative leeway":     {Config{JWKS: path, Audience: "a", Leeway: -1}, "is not between"},
		"none":                  {Config{JWKS: path, Audience: "a", Algorithms: []string{"none"}}, `algorithm "none" is none of RS256, `},
		"HS256":                 {Config{JWKS: path, Audience: "a", Algorithms: []string{"RS256", "HS256"}}, `algorithm "HS256"`},
		"a missing file":        {Config{JWKS: path + "x", Audience: "a"}, "no such file"},
		"http":                  {Config{JWKS: "http://keys.example.org/jwks", Audience: "a"}, "must be https, or http to the loopback"},
		"http to a private net": {Config{JWKS: "http://10.0.0.1/jwks", Audience: "a"}, "must be https"},
		"http to localhost.x":   {Config{JWKS: "http://localhost.example.org/jwks", Audience: "a"}, "must be https"},
		"a file URL":            {Config{JWKS: "file:///etc/jwks", Audience: "a"}, "the JWKS URL names no host"},
		"ftp":                   {Config{JWKS: "ftp://example.org/jwks", Audience: "a"}, "must be https"},
		"a credential":          {Config{JWKS: "https://u:c4n4ry@example.org/jwks", Audience: "a"}, "must not hold a credential"},
		"no URL":                {Config{JWKS: "https://c4n4ry%zz/", Audience: "a"}, "cannot be read"},
	} {
		v, err := New(test.cfg)
		if err == nil {
			v.Close()
			t.Errorf("%s: taken", name)
		} else if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}
