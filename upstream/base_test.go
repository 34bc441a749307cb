package upstream

import (
	"strings"
	"testing"
)

func TestBase(t *testing.T) {
	for text, want := range map[string]string{
		"https://gitlab.example.com":               "/api/v4",
		"https://gitlab.example.com/":              "/api/v4",
		"https://gitlab.example.com/api/v4":        "/api/v4",
		"https://gitlab.example.com/api/v4/":       "/api/v4",
		"http://10.0.0.1:8080/gitlab":              "/gitlab/api/v4",
		"http://10.0.0.1:8080/gitlab/api/v4":       "/gitlab/api/v4",
		"https://[2001:db8::1]:8443/a/b/":          "/a/b/api/v4",
		"HTTPS://gitlab.example.com/relative_root": "/relative_root/api/v4",
	} {
		b, err := parseBase(text)
		if err != nil || b.path != want {
			t.Errorf("parseBase(%q) = %q, %v, want %q", text, b.path, err, want)
		}
	}
}

func TestBaseRefusals(t *testing.T) {
	for text, want := range map[string]error{
		"":                                  errBaseScheme,
		"gitlab.example.com":                errBaseScheme,
		"ftp://gitlab.example.com":          errBaseScheme,
		"unix:///run/gitlab":                errBaseScheme,
		"https://":                          errBaseHost,
		"https://:443":                      errBaseHost,
		"https:gitlab.example.com":          errBaseHost,
		"https://u:secret@gitlab.test":      errBaseUserinfo,
		"https://gitlab.test?secret=1":      errBaseQuery,
		"https://gitlab.test?":              errBaseQuery,
		"https://gitlab.test#secret":        errBaseFragment,
		"https://gitlab.test/#":             errBaseFragment,
		"https://gitlab.test/a/../secret":   errBasePath,
		"https://gitlab.test//secret":       errBasePath,
		"https://gitlab.test/a%2Fsecret":    errBasePath,
		"https://gitlab.test:secret":        errBaseSyntax,
		"https://u:sec ret@gitlab.test:pa/": errBaseSyntax,
	} {
		_, err := New(text)
		if err != want {
			t.Errorf("New(%q) = %v, want %v", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q) repeats the URL: %v", text, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, opt := range map[string]Option{
		"timeout":      WithTimeout(0),
		"idle timeout": WithIdleTimeout(-1),
		"body":         WithMaxBody(0),
	} {
		if _, err := New("https://gitlab.example.com", opt); err == nil {
			t.Errorf("New with a bad %s succeeded", name)
		}
	}
}
