package rest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// plainHost is a name or an address, with or without a port, as anybody writes it.
var plainHost = regexp.MustCompile(`^(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$`)

// FuzzAddress proves that our address in links and redirects is scheme and host, nothing
// more; that only a proxy which is trusted can change it, and the nearest only; and that no
// header but two can.
func FuzzAddress(f *testing.F) {
	f.Add("gateway:80", "https", "jobs.example.com", "for=x;host=evil;proto=https", "10.0.0.1:5", false)
	f.Add("gateway", "http, https", "evil, [::1]:99", "host=evil", "[::ffff:10.0.0.1]:5", false)
	f.Add("gateway", "javascript", "a/b@c", "", "192.0.2.1:5", true)
	f.Add("evil\r\nX: y", "https", "", "", "10.0.0.1:5", false)
	f.Add("", "https", "x?y#z", "", "10.0.0.1", false)
	f.Add("[fe80::1%25eth0]:80", "https", "user@host", "", "[fe80::1%eth0]:5", true)
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, host, proto, forwardedHost, forwarded, from string, public bool) {
		ask := func(cfg Config, from string, header http.Header) string {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v4/job", http.NoBody)
			r.Host, r.RemoteAddr, r.Header = host, from, header
			return (&exchange{face: &Face{cfg: cfg}, r: r}).address()
		}
		cfg := Config{TrustedProxies: trusted}
		if public {
			cfg.PublicURL = "https://public"
		}
		header := http.Header{
			"X-Forwarded-Proto": {"http", proto}, "X-Forwarded-Host": {"evil", forwardedHost}, "Forwarded": {forwarded},
			"X-Forwarded-For": {forwarded}, "X-Forwarded-Port": {forwarded}, "X-Forwarded-Prefix": {forwarded}, "X-Forwarded-Scheme": {proto},
			"X-Forwarded-Ssl": {"on"}, "X-Real-Ip": {"10.0.0.1"}, "X-Original-Url": {forwarded}, "Front-End-Https": {"on"},
		}
		got, alone := ask(cfg, from, header), ask(cfg, from, http.Header{})
		if public {
			if got != cfg.PublicURL || alone != cfg.PublicURL {
				t.Errorf("%q", got)
			}
			return
		}
		if !isOfTen(from) && got != alone {
			t.Errorf("from %q: %q, without headers %q", from, got, alone)
		}
		if strangers := ask(Config{}, from, header); strangers != alone {
			t.Errorf("nobody is trusted: %q, without headers %q", strangers, alone)
		}
		near := http.Header{"X-Forwarded-Proto": {last([]string{proto})}, "X-Forwarded-Host": {last([]string{forwardedHost})}}
		if only := ask(cfg, from, near); only != got {
			t.Errorf("%q, of the nearest proxy alone %q", got, only)
		}
		wantAddress(t, got, host, forwardedHost)
		if by := ask(cfg, "10.1.2.3:4", http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {host}}); plainHost.MatchString(host) && by != "https://"+host {
			t.Errorf("a proxy says %q: %q", host, by)
		}
	})
}

// isOfTen says whether a request comes from 10.0.0.0/8.
func isOfTen(from string) bool {
	end := strings.LastIndexByte(from, ':')
	if end < 0 {
		return false
	}
	host, _, _ := strings.Cut(strings.Trim(from[:end], "[]"), "%")
	ip := net.ParseIP(host).To4()
	return ip != nil && ip[0] == 10
}

// wantAddress asserts that an address, if there is one, is scheme and host of what was given.
func wantAddress(t *testing.T, address, host, forwarded string) {
	t.Helper()
	if address == "" {
		return
	}
	rest, ok := strings.CutPrefix(address, "http://")
	if !ok {
		rest, ok = strings.CutPrefix(address, "https://")
	}
	if !ok || rest == "" || strings.ContainsAny(rest, " \t\r\n/\\?#@<>\"'`{}|^,;") || strings.ToValidUTF8(rest, "") != rest {
		t.Errorf("address %q", address)
	}
	if rest != host && !strings.HasSuffix(strings.TrimRight(forwarded, " \t\r\n\v\f\u0085\u00a0"), rest) {
		t.Errorf("address %q, of %q and %q", address, host, forwarded)
	}
}
