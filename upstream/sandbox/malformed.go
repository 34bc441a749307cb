package sandbox

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// malformed is the answer of GitLab's middleware to texts that are not UTF-8 or hold a null byte,
// and to parameters that Rack cannot read. It comes before the API sees the request.
func malformed() *reply { return textReply(http.StatusBadRequest, []byte("Bad Request")) }

func malformedText(text string) bool {
	return strings.ContainsRune(text, 0) || !utf8.ValidString(text)
}

// malformedRequest looks at the path and the credential; parameters have been seen to.
func malformedRequest(r *http.Request) bool {
	path, err := url.PathUnescape(r.URL.EscapedPath())
	if err != nil || malformedText(path) {
		return true
	}
	kind, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(kind, "Basic") {
		if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
			value = string(decoded)
		}
	}
	return malformedText(value)
}

// deepestNull is how many levels below the parameters are searched for null bytes.
const deepestNull = 3

func hasNull(value any, depth int) bool {
	if depth > deepestNull {
		return false
	}
	switch v := value.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		for _, item := range v {
			if hasNull(item, depth+1) {
				return true
			}
		}
	case map[string]any:
		for _, item := range v {
			if hasNull(item, depth+1) {
				return true
			}
		}
	}
	return false
}
