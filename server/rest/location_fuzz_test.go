package rest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// secrets are the parameters that hold a credential, in GitLab's spelling.
var secrets = []string{"private_token", "access_token", "bearer_token", "job_token", "token"}

// rackName finds the parameter that Rack takes a name for: that before brackets.
var rackName = regexp.MustCompile(`(?s)^[\[\] \t\r\n\x00]*([^\[\]]*?)[ \t\r\n\x00]*(?:[\[\]].*)?$`)

// leaks is the first parameter of a URL that is a credential, by a slow reader; "" if none is.
func leaks(target string) string {
	_, query, _ := strings.Cut(target, "?")
	for _, piece := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(piece, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			continue
		}
		if base := rackName.FindStringSubmatch(name); len(base) > 1 && slices.Contains(secrets, base[1]) {
			return piece
		}
	}
	return ""
}

// FuzzLocation proves that a redirect of GitLab's names us or nobody that it did not name
// itself, holds no credential, keeps all else, and stays the same if it is read again.
func FuzzLocation(f *testing.F) {
	for _, seed := range []string{
		"https://gitlab.example.com/api/v4/projects/42/jobs/7?a=1&private_token=x&b=2", "/api/v4/projects/42/jobs/7",
		"//evil/api/v4/job", "http://u:p@g/root/api/v4/job?token=x", "https://g/users/sign_in?private%5Ftoken=x;a=1",
		"https://g/api/v4/job?a=1;private_token=x&sudo=5", "https://g/api/v4/job?private_token[]=x", "javascript:alert(1)//api/v4/", "?token=x", "%zz", "",
	} {
		f.Add(seed, "https://g/api/v4/job?page=2")
	}
	f.Fuzz(func(t *testing.T, location, other string) {
		const ours = "https://ours"
		x := &exchange{face: &Face{cfg: Config{PublicURL: ours}}, r: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v4/projects/old%2Fapp/jobs/7", http.NoBody)}
		got := x.target(location)
		if leak := leaks(got); leak != "" {
			t.Errorf("%q became %q, with %q", location, got, leak)
		}
		if again := x.target(got); again != got {
			t.Errorf("%q became %q, and then %q", location, got, again)
		}
		path, query, _ := strings.Cut(location, "?")
		newPath, newQuery, _ := strings.Cut(got, "?")
		if newPath != path && !strings.HasPrefix(newPath, ours+"/api/v4/") && !strings.HasPrefix(newPath, "/api/v4/") {
			t.Errorf("%q became %q", location, got)
		}
		if at := strings.Index(path, "/api/v4/"); at >= 0 && newPath != path && !strings.HasSuffix(newPath, path[at:]) {
			t.Errorf("%q became %q", location, got)
		}
		var kept []string
		for pair := range strings.SplitSeq(query, "&") {
			if leaks("?"+pair) == "" {
				kept = append(kept, pair)
			}
		}
		if want := strings.Join(kept, "&"); newQuery != want {
			t.Errorf("%q became %q, want the query %q", location, got, want)
		}
		wantLinks(t, ours, location, other)
	})
}

// wantLinks asserts that a header of two links has two, each as it would be alone.
func wantLinks(t *testing.T, ours, one, other string) {
	t.Helper()
	if strings.ContainsAny(one+other, "<>") {
		return
	}
	got := relinked("<"+one+">; rel=\"next\", <"+other+`>; rel="first"`, ours)
	if want := "<" + readdress(one, ours) + ">; rel=\"next\", <" + readdress(other, ours) + `>; rel="first"`; got != want {
		t.Errorf("links %q, want %q", got, want)
	}
}
