package rest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
)

func TestMatches(t *testing.T) {
	const etag = `W/"a,b"`
	for given, want := range map[string]bool{
		`W/"a,b"`: true, `"a,b"`: true, `*`: true, `"x", W/"a,b"`: true, `"x","y" , "a,b"`: true, `,, "a,b"`: true, `x, *`: true,
		``: false, `"a"`: false, `a,b`: false, `W/"a,b`: false, `"A,B"`: false, `"x", "y"`: false, `w/"a,b"`: false,
	} {
		if got := matches([]string{given}, etag); got != want {
			t.Errorf("%s: %v", given, got)
		}
	}
	if matches([]string{"*"}, "") {
		t.Error("* matches an answer without validator")
	}
	if !matches([]string{`"x"`, `"y"`}, `"y"`) {
		t.Error("the second line is not read")
	}
}

func TestReaddress(t *testing.T) {
	const ours = "https://jobs.example.com"
	for target, want := range map[string]string{
		"https://gitlab.example.com/api/v4/projects/1/jobs?page=2":                      ours + "/api/v4/projects/1/jobs?page=2",
		"http://10.0.0.1:8080/root/api/v4/projects/a%2Fb/jobs?id=a%2Fb&page=2":          ours + "/api/v4/projects/a%2Fb/jobs?id=a%2Fb&page=2",
		"/root/api/v4/projects/1/jobs/7":                                                "/api/v4/projects/1/jobs/7",
		"https://g/api/v4/job?private_token=x":                                          ours + "/api/v4/job",
		"https://g/api/v4/job?a=1&private_token=x&b=%5B2":                               ours + "/api/v4/job?a=1&b=%5B2",
		"https://g/api/v4/job?access_token=x&bearer_token=y&job_token=z&token=w&sudo=5": ours + "/api/v4/job?sudo=5",
		"https://g/api/v4/job?private%5Ftoken=x&private_token%5B%5D=y&a=1":              ours + "/api/v4/job?a=1",
		"https://g/api/v4/job?a=1;private_token=x":                                      ours + "/api/v4/job",
		"https://g/api/v4/job?":                                                         ours + "/api/v4/job?",
		"https://g/docs?private_token=x&a=1":                                            "https://g/docs?a=1",
		"https://g/users/sign_in":                                                       "https://g/users/sign_in",
	} {
		if got := readdress(target, ours); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", target, got, want)
		}
	}
	link := `<https://g/api/v4/job?page=1&token=x>; rel="prev", <https://g/api/v4/job?page=3>; rel="next"; title="<b>"`
	want := `<` + ours + `/api/v4/job?page=1>; rel="prev", <` + ours + `/api/v4/job?page=3>; rel="next"; title="<b>"`
	if got := relinked(link, ours); got != want {
		t.Errorf("link %s", got)
	}
}

func TestAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cases := map[string]struct {
		cfg         Config
		from, proto string
		host, want  string
	}{
		"asked for":          {Config{}, "10.0.0.1:5", "", "", "http://asked:80"},
		"public":             {Config{PublicURL: "https://public", TrustedProxies: trusted}, "10.0.0.1:5", "http", "x", "https://public"},
		"a stranger":         {Config{TrustedProxies: trusted}, "192.0.2.1:5", "https", "evil", "http://asked:80"},
		"nobody is trusted":  {Config{}, "10.0.0.1:5", "https", "evil", "http://asked:80"},
		"a proxy":            {Config{TrustedProxies: trusted}, "10.0.0.1:5", "https", "jobs.example.com", "https://jobs.example.com"},
		"a proxy, mapped":    {Config{TrustedProxies: trusted}, "[::ffff:10.0.0.1]:5", "https", "jobs.example.com", "https://jobs.example.com"},
		"the nearest counts": {Config{TrustedProxies: trusted}, "10.0.0.1:5", "http, https", "evil, jobs.example.com", "https://jobs.example.com"},
		"nonsense":           {Config{TrustedProxies: trusted}, "10.0.0.1:5", "javascript", "a/b@c", "http://asked:80"},
	}
	for name, c := range cases {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://asked:80/api/v4/job", http.NoBody)
		r.RemoteAddr = c.from
		r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"] = []string{c.proto}, []string{c.host}
		x := &exchange{face: &Face{cfg: c.cfg}, r: r}
		if got := x.address(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestHeadersThatPass(t *testing.T) {
	w := httptest.NewRecorder()
	x := &exchange{face: &Face{}, w: w, r: httptest.NewRequestWithContext(t.Context(), "GET", "/api/v4/job", http.NoBody)}
	from := http.Header{}
	for _, name := range []string{"ETag", "X-New-Thing", "RateLimit-Policy", "Gitlab-Sv", "Access-Control-Allow-Origin", "Deprecation", "Vary"} {
		from.Set(name, "passes")
	}
	for _, name := range []string{"Set-Cookie", "Server", "Date", "Connection", "Content-Length", "Content-Encoding", "Transfer-Encoding", "X-Accel-Redirect", "X-Sendfile", "Strict-Transport-Security", "Alt-Svc"} {
		from.Set(name, "stays")
	}
	x.pass(from)
	for name, values := range w.Header() {
		if values[0] != "passes" {
			t.Errorf("%s passes", name)
		}
	}
	if len(w.Header()) != 7 || !slices.Contains(slices.Collect(maps.Keys(w.Header())), "ETag") {
		t.Errorf("header %v", w.Header())
	}
}

func TestRangeOf(t *testing.T) {
	for text, want := range map[string]logPart{
		"bytes=0-9":                   {ranged: true, limit: 10},
		"bytes=5-5":                   {ranged: true, hasOffset: true, offset: 5, limit: 1},
		"Bytes=5-":                    {ranged: true, hasOffset: true, offset: 5},
		"bytes=0-9223372036854775807": {ranged: true},
		"bytes=-9":                    {ranged: true, last: 9},
		"bytes=9-5":                   {}, "bytes=-0": {}, "bytes=": {}, "bytes=-": {}, "bytes=a-b": {}, "bytes=+1-2": {},
		"bytes=0-1,3-4": {}, "lines=0-1": {}, "0-1": {}, "bytes=99999999999999999999-": {}, "": {}, "bytes=--5": {}, "bytes=1-+5": {},
	} {
		if got := rangeOf(http.Header{"Range": {text}}); got != want {
			t.Errorf("%s: %+v", text, got)
		}
	}
	if got := rangeOf(http.Header{"Range": {"bytes=0-9"}, "If-Range": {`W/"x"`}}); got != (logPart{}) {
		t.Errorf("under a condition: %+v", got)
	}
}
