package upstream

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// grammarTag is an entity-tag of RFC 9110, section 8.8.3, with bytes as characters.
var grammarTag = regexp.MustCompile(`^(?:W/)?"[\x21\x23-\x7e\x{80}-\x{ff}]*"$`)

// FuzzETag compares the validators that are kept and sent with the grammar of RFC 9110.
func FuzzETag(f *testing.F) {
	for _, seed := range []string{`W/"abc"`, `""`, `"a"b"`, `w/"a"`, `"`, `W/`, "\"\xff\"", "\"a\x7f\"", `"a b"`, `W/W/"a"`} {
		f.Add(seed, "no-cache, No-Store")
	}
	f.Fuzz(func(t *testing.T, tag, control string) {
		var latin strings.Builder
		for _, c := range []byte(tag) {
			latin.WriteRune(rune(c))
		}
		want := ""
		if grammarTag.MatchString(latin.String()) && len(tag) <= 256 {
			want = tag
		}
		h := http.Header{"Etag": {tag}}
		if got := logETag(h); got != want {
			t.Errorf("%q is %q, of a log", tag, got)
		}
		h["Cache-Control"] = []string{control}
		if got := usableETag(&http.Response{StatusCode: http.StatusOK, Header: h}); got != want && got != "" || got != "" && strings.EqualFold(control, "no-store") {
			t.Errorf("%q under %q is %q", tag, control, got)
		}
		if got := logETag(http.Header{"Etag": {tag, tag}}); got != "" {
			t.Errorf("of two, %q", got)
		}
	})
}
