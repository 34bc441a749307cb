package rest

import (
	"regexp"
	"strings"
	"testing"
)

// The grammar of RFC 9110, sections 8.8.3 and 13.1.2: a list may have empty elements.
var (
	grammarTag  = regexp.MustCompile(`(?:W/)?"[\x21\x23-\x7e\x{80}-\x{ff}]*"`)
	grammarTags = regexp.MustCompile(`^(?:[ \t]*(?:` + grammarTag.String() + `)?[ \t]*(?:,|$))*$`)
)

// latin are bytes as characters, since expressions don't have bytes.
func latin(text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		out.WriteRune(rune(c))
	}
	return out.String()
}

// FuzzIfNoneMatch compares with the grammar of RFC 9110, for what keeps to it. Of anything
// else holds that only what names the validator matches it, and that more lines match no less.
func FuzzIfNoneMatch(f *testing.F) {
	f.Add(`W/"a,b"`, `"x", W/"a,b"`, "")
	f.Add(`"a"`, `*`, `"b"`)
	f.Add(`W/""`, `,, "" ,`, `W/""`)
	f.Add(`"a"`, `"a`, `"`)
	f.Add(`a`, `a, b`, `"a"`)
	f.Add("\"\xff\"", "\"\xff\"", "*, \"x\"")
	f.Fuzz(func(t *testing.T, etag, one, other string) {
		got := matches([]string{one}, etag)
		opaque := strings.TrimPrefix(etag, "W/")
		if got && (etag == "" || !strings.Contains(one, "*") && !strings.Contains(one, opaque)) {
			t.Errorf("%q matches %q", one, etag)
		}
		if both := matches([]string{other, one}, etag); both != (got || matches([]string{other}, etag)) {
			t.Errorf("%q, %q: %v, the second alone: %v", other, one, both, got)
		}
		if !grammarTags.MatchString(latin(one)) || !isGrammarTag(etag) {
			return
		}
		want := false
		for _, tag := range grammarTag.FindAllString(latin(one), -1) {
			want = want || strings.TrimPrefix(tag, "W/") == latin(opaque)
		}
		if got != want {
			t.Errorf("%q against %q: %v", one, etag, got)
		}
	})
}

func isGrammarTag(tag string) bool {
	return grammarTag.FindString(latin(tag)) == latin(tag) && tag != ""
}
