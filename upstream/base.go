package upstream

import (
	"errors"
	"net/url"
	"path"
	"strings"
)

// apiRoot is where GitLab's REST API lives below its base URL; contract section 1.
const apiRoot = "/api/v4"

// base is the part that all request URLs share. Requests are built from it by
// appending, so that no URL is parsed per call.
type base struct {
	scheme, host string
	path         string // up to and with /api/v4; the same escaped and not
}

// Rules for the base URL. They don't repeat the URL: it may hold a password.
var (
	errBaseSyntax   = errors.New("upstream url: cannot be parsed")
	errBaseScheme   = errors.New("upstream url: scheme must be http or https")
	errBaseHost     = errors.New("upstream url: must have a host")
	errBaseUserinfo = errors.New("upstream url: must not hold a user or password")
	errBaseQuery    = errors.New("upstream url: must not have a query")
	errBaseFragment = errors.New("upstream url: must not have a fragment")
	errBasePath     = errors.New("upstream url: path must be plain, without escapes, empty or dot segments")
)

func parseBase(text string) (base, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return base{}, errBaseSyntax
	case u.Scheme != "http" && u.Scheme != "https":
		return base{}, errBaseScheme
	case u.User != nil:
		return base{}, errBaseUserinfo
	case u.Hostname() == "":
		return base{}, errBaseHost
	case u.RawQuery != "" || u.ForceQuery:
		return base{}, errBaseQuery
	case strings.Contains(text, "#"):
		return base{}, errBaseFragment
	}
	prefix, err := cleanPrefix(u)
	if err != nil {
		return base{}, err
	}
	return base{scheme: u.Scheme, host: u.Host, path: prefix + apiRoot}, nil
}

// cleanPrefix is the path of GitLab's relative URL root, "" for most.
func cleanPrefix(u *url.URL) (string, error) {
	prefix := strings.TrimSuffix(u.Path, "/")
	if u.EscapedPath() != u.Path || prefix != "" && path.Clean(prefix) != prefix {
		return "", errBasePath
	}
	return strings.TrimSuffix(prefix, apiRoot), nil
}
