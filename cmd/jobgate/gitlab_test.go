package main

import (
	"strings"
	"testing"
)

func TestCheckGitlab(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{ // "" is fine
		"https://gitlab.example.com":                  "",
		"https://gitlab.example.com/":                 "",
		"https://gitlab.example.com/api/v4":           "",
		"https://gitlab.example.com/api/v4/":          "",
		"http://gitlab.example.com:8080/gitlab":       "",
		"http://[::1]:65535/gitlab/api/v4":            "",
		"https://gitlab.example.com/api/api/v4":       "", // its relative root is /api
		"https://gitlab.example.com/apis/v3":          "",
		"http://gitlab.example.com:99999":             "port",
		"http://gitlab.example.com:0":                 "port",
		"http://:80":                                  "and a host",
		"https://gitlab.example.com/api":              "path",
		"https://gitlab.example.com/api/":             "path",
		"https://gitlab.example.com/api/v3":           "path",
		"https://gitlab.example.com/gitlab/api/v5/":   "path",
		"https://gitlab.example.com/api/v4/projects":  "path",
		"https://gitlab.example.com/api/v4/api/v4":    "path",
		"https://gitlab.example.com/api/v3/x/api/v4/": "path",
	} {
		c := &serveCmd{Upstream: address}
		switch err := c.checkGitlab(newSettings(nil)); {
		case want == "" && err != nil:
			t.Errorf("%s is refused: %v", address, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want something about the %s", address, err, want)
		}
	}
}
