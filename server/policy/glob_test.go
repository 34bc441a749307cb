package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestGlob: what a pattern matches.
func TestGlob(t *testing.T) {
	for pattern, test := range map[string]struct{ yes, no []string }{
		"acme/app":             {[]string{"acme/app"}, []string{"acme/app/", "acme/apps", "acme", ""}},
		"acme/*":               {[]string{"acme/app", "acme/"}, []string{"acme/app/x", "acme", "acmes/app"}},
		"acme/app-*":           {[]string{"acme/app-", "acme/app-1"}, []string{"acme/app", "acme/app-1/x"}},
		"acme/*-app":           {[]string{"acme/-app", "acme/a-b-app"}, []string{"acme/app", "acme/x/y-app"}},
		"a*b*c/d":              {[]string{"abc/d", "axbxbxc/d"}, []string{"acb/d", "abc/d/d"}},
		"acme/**":              {[]string{"acme/app", "acme/a/b/c"}, []string{"acme", "acmes/app"}},
		"acme/**/app":          {[]string{"acme/app", "acme/x/app", "acme/x/y/app"}, []string{"acme/xapp", "acme/app/x", "acmeapp"}},
		"**/app":               {[]string{"app", "acme/app", "a/b/app"}, []string{"acme/xapp", "acme/app/x"}},
		"**/a/**/b/**":         {[]string{"a/b/c", "x/a/b/b/c", "a/x/b/c/d"}, []string{"a/b", "b/a/c", "ab/c"}},
		"**":                   {[]string{"", "a", "a/b"}, nil},
		"*":                    {[]string{"", "a", "a/b"}, nil},
		"*/*":                  {[]string{"a/b", "/"}, []string{"a", "a/b/c"}},
		"spiffe://a.example/*": {[]string{"spiffe://a.example/x"}, []string{"spiffe:/a.example/x", "spiffe://a.example/x/y"}},
		"":                     {[]string{""}, []string{"a", "/"}},
		"a/**/a/**/a/**/a":     {[]string{"a/a/a/a", strings.Repeat("a/", 500) + "a"}, []string{strings.Repeat("a/", 500) + "b"}},
	} {
		g, wrong := newGlob("", pattern, '/')
		if wrong != "" {
			t.Fatalf("%s: %s", pattern, wrong)
		}
		for _, text := range test.yes {
			if !g.match(text) {
				t.Errorf("%q does not match %.40q", pattern, text)
			}
		}
		for _, text := range test.no {
			if g.match(text) {
				t.Errorf("%q matches %.40q", pattern, text)
			}
		}
	}
	for _, pattern := range []string{"a**", "**a", "acme/**b/c", "***", "acme/***"} {
		if _, wrong := newGlob("", pattern, '/'); wrong == "" {
			t.Errorf("%q is taken", pattern)
		}
	}
}

// TestGlobsAsRegularExpressions compares with regular expressions, and finds each pattern
// in an index by all texts that it matches.
func TestGlobsAsRegularExpressions(t *testing.T) {
	seed := rand.Uint64()
	d := dice{rand.New(rand.NewPCG(seed, 1))}
	for range 400 {
		var b indexBuilder
		var patterns []string
		for i := range 70 {
			pattern := d.pattern(1, "/")
			g, wrong := newGlob("k:", pattern, '/')
			if wrong != "" {
				t.Fatalf("%s: %s", pattern, wrong)
			}
			b.add(g, i)
			patterns = append(patterns, pattern)
		}
		ix := b.build(2)
		for range 20 {
			text := d.text(1, "/")
			found := make(set, 2)
			ix.collect("k:"+text, found)
			for i, pattern := range patterns {
				if want := slowGlob(pattern, "/").MatchString(text); found.has(i) != want {
					t.Fatalf("seed %d: %q finds %q: %v, want %v", seed, text, pattern, found.has(i), want)
				}
			}
		}
	}
}
