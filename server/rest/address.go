package rest

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/jobgate/jobgate/upstream"
)

// address is our own address, as links and redirects name it.
func (x *exchange) address() string {
	if public := x.face.cfg.PublicURL; public != "" {
		return public
	}
	scheme, host := "http", x.r.Host
	if !isHost(host) {
		return "" // links then name none
	}
	if x.r.TLS != nil {
		scheme = "https"
	}
	if x.trusted() {
		if proto := last(x.r.Header["X-Forwarded-Proto"]); proto == "http" || proto == "https" {
			scheme = proto
		}
		if forwarded := last(x.r.Header["X-Forwarded-Host"]); isHost(forwarded) {
			host = forwarded
		}
	}
	return scheme + "://" + host
}

// trusted says whether the request comes from a proxy whose word counts.
func (x *exchange) trusted() bool {
	host, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, prefix := range x.face.cfg.TrustedProxies {
		if prefix.Contains(addr.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// last is what the nearest proxy has said.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	all := values[len(values)-1]
	return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
}

// isHost says whether text can stand in a URL as host and port.
func isHost(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`/\?#@<>"'`+"`{|}^,;", r)
	})
}

// readdressed makes the addresses in a Link or Location header ours.
func (x *exchange) readdressed(name string, values []string) []string {
	ours := x.address()
	out := make([]string, len(values))
	for i, value := range values {
		if name == "Link" {
			out[i] = relinked(value, ours)
		} else {
			out[i] = x.target(value)
		}
	}
	return out
}

// target readdresses a redirect, but for one to the very path that was asked: it leads to
// another server, and would go round in a circle here.
func (x *exchange) target(location string) string {
	ours := readdress(location, "")
	if path, _, _ := strings.Cut(ours, "?"); path == x.r.URL.EscapedPath() {
		return dropSecrets(location)
	}
	if strings.HasPrefix(ours, apiRoot+"/") && !strings.HasPrefix(location, "/") {
		ours = x.address() + ours
	}
	return ours
}

// relinked readdresses the targets of a Link header (RFC 8288).
func relinked(header, ours string) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(header, "<")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		target, after, ok := strings.Cut(rest, ">")
		if !ok {
			out.WriteString("<" + rest)
			return out.String()
		}
		out.WriteString("<" + readdress(target, ours) + ">")
		header = after
	}
}

// readdress makes a URL of GitLab's API one of ours: GitLab writes its configured host.
// Credentials are dropped from any URL: GitLab repeats all parameters; contract section 4.
func readdress(target, ours string) string {
	path, _, _ := strings.Cut(target, "?")
	if at := strings.Index(path, apiRoot+"/"); at >= 0 {
		target = target[at:]
		if !strings.HasPrefix(path, "/") {
			target = ours + target
		}
	}
	return dropSecrets(target)
}

// dropSecrets drops the credentials from the query of a URL.
func dropSecrets(target string) string {
	path, query, ok := strings.Cut(target, "?")
	if !ok || query == "" {
		return target
	}
	if kept := withoutSecrets(query); kept != "" {
		return path + "?" + kept
	}
	return path
}

// withoutSecrets drops the parameters that hold a credential; the rest stays as it is.
func withoutSecrets(query string) string {
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		secret := false
		for piece := range strings.SplitSeq(pair, ";") {
			name, _, _ := strings.Cut(piece, "=")
			secret = secret || isSecret(name)
		}
		if !secret {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

func isSecret(escaped string) bool {
	name, err := url.QueryUnescape(escaped)
	return err == nil && upstream.IsCredential(name) && upstream.ParameterName(name) != "sudo"
}
