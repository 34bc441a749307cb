package upstream

import (
	"net/url"
	"strconv"
	"strings"
)

// maxLink bounds the Link headers that are read. GitLab's repeat all parameters of
// a request, which fit a URL.
const maxLink = 32 << 10

// nextLink reads the target of rel="next" out of Link headers (RFC 8288): its
// `cursor`, else its `page`. Nothing else of the URL is used, and it is never
// requested: GitLab writes its configured host there; contract section 4.
func nextLink(headers []string) (cursor string, page int64, found bool) {
	for _, header := range headers {
		if len(header) > maxLink {
			continue
		}
		for rest := header; rest != ""; {
			var target, params string
			if target, params, rest = cutLink(rest); !isNext(params) {
				continue
			}
			cursor, page = position(target)
			return cursor, page, true
		}
	}
	return "", 0, false
}

// cutLink cuts the first link, `<target>;params`, from a Link header. Rest is ""
// after the last.
func cutLink(header string) (target, params, rest string) {
	_, header, ok := strings.Cut(header, "<")
	if !ok {
		return "", "", ""
	}
	target, header, ok = strings.Cut(header, ">")
	if !ok {
		return "", "", ""
	}
	quoted := false
	for i := range len(header) {
		switch {
		case header[i] == '"':
			quoted = !quoted
		case header[i] == ',' && !quoted:
			return target, header[:i], header[i+1:]
		}
	}
	return target, header, ""
}

func isNext(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}

// position reads `cursor` and `page` out of a URL's query, the last of each.
func position(target string) (cursor string, page int64) {
	target, _, _ = strings.Cut(target, "#")
	_, query, _ := strings.Cut(target, "?")
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(value)
		if err != nil {
			continue
		}
		switch name {
		case "cursor":
			cursor = value
		case "page":
			page = pageNumber(value)
		}
	}
	return cursor, page
}

// pageNumber reads the number of a page, 0 if it is none.
func pageNumber(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 1 {
		return 0
	}
	return n
}
