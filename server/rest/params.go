package rest

import (
	"net/url"
	"strings"

	"github.com/jobgate/jobgate/upstream"
)

// maxParams is how many parameters are looked at one by one. A request with more goes to
// GitLab as it came.
const maxParams = 64

// param is one parameter of a query or form, or a member of a JSON body.
type param struct {
	name, value string // decoded; of JSON, value is the raw text
	raw         string // as it came, name and all
	base        string // what GitLab takes it for
}

// pairs cuts a query or form into parameters. It is not plain, and has none, if GitLab
// may read it in another way than we do, or if there are too many.
func pairs(encoded string) (all []param, plain bool) {
	if strings.ContainsAny(encoded, ";#") { // a separator, and an end, for some servers
		return nil, false
	}
	for pair := range strings.SplitSeq(encoded, "&") {
		if pair == "" {
			continue
		}
		if len(all) == maxParams {
			return nil, false
		}
		p := param{raw: pair}
		name, value, ok := strings.Cut(pair, "=")
		var err, err2 error
		p.name, err = url.QueryUnescape(name)
		p.value, err2 = url.QueryUnescape(value)
		if p.base = upstream.ParameterName(p.name); !ok || err != nil || err2 != nil || p.base == "" {
			return nil, false
		}
		all = append(all, p)
	}
	return all, true
}

// encoded puts parameters together again, as they came.
func encoded(all []param) string {
	raws := make([]string, len(all))
	for i := range all {
		raws[i] = all[i].raw
	}
	return strings.Join(raws, "&")
}

// without removes the parameters of that name.
func without(all []param, name string) []param {
	kept := all[:0:0]
	for _, p := range all {
		if p.name != name {
			kept = append(kept, p)
		}
	}
	return kept
}

// has says whether a parameter is there, in any spelling.
func has(all []param, base string) bool {
	for i := range all {
		if all[i].base == base {
			return true
		}
	}
	return false
}
