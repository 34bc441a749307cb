package parity

import (
	"net/url"
	"slices"
	"strings"
)

// credentialNames are the parameters that hold a secret.
var credentialNames = []string{"private_token", "access_token", "bearer_token", "job_token", "token"}

func isCredential(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	name, _ = url.QueryUnescape(name)
	return slices.Contains(credentialNames, name)
}

// neutral makes links and redirects of the two sides comparable: {base} for what they begin with,
// and no credential in the query. That is how they may differ, see docs/parity.md. Everything else
// in them stays as it came.
func neutral(text, base string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, base+"/api/")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		end := strings.IndexAny(rest, "> ")
		if end < 0 {
			end = len(rest)
		}
		out.WriteString("{base}/api/" + withoutCredentials(rest[:end]))
		text = rest[end:]
	}
}

func withoutCredentials(target string) string {
	path, query, found := strings.Cut(target, "?")
	if !found {
		return target
	}
	pairs := slices.DeleteFunc(strings.Split(query, "&"), isCredential)
	if len(pairs) == 0 {
		return path
	}
	return path + "?" + strings.Join(pairs, "&")
}
