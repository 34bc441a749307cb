package rest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/upstream"
)

// FuzzIdentity proves that of credentials in headers, query and form either all stay where
// they are, for GitLab to judge, or all that are in parameters become headers: each is then
// that of GitLab's precedence by a slow reader, alone, and all else stays as it came.
func FuzzIdentity(f *testing.F) {
	f.Add("private_token=a&x=1", "", "b", "", "")
	f.Add("private_token=a&private_token=b", "private_token=c&y=2", "d", "", "e")
	f.Add("job_token=a&token=b", "token=c", "", "", "d")
	f.Add("access_token=a&bearer_token=b", "", "", "", "")
	f.Add("access_token=a", "", "", "Bearer b", "")
	f.Add("private_token[]=a&private%5Ftoken=b", "", "", "", "")
	f.Add("private_token=a%0Ab&sudo=5", "access_token=", "", "", "")
	f.Add("private_token=a", "\xff=x", "", "", "")
	f.Add("x;private_token=a", "[private_token]=b", "", "Basic x", "")
	f.Fuzz(func(t *testing.T, query, form, private, authorization, job string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		r.Header = http.Header{"Private-Token": {private}, "Authorization": {authorization}, "Job-Token": {job}}
		b := &body{contentType: "application/x-www-form-urlencoded", bytes: []byte(form), plain: true}
		if form != "" {
			b.parse()
		}
		x := &exchange{face: &Face{}, r: r, rawQuery: query, body: b}
		plain := x.identify()
		given := upstream.Credential{PrivateToken: private, Authorization: authorization, JobToken: job}
		if x.rawQuery == query && string(x.body.bytes) == form {
			if x.Credential != given {
				t.Fatalf("%q and %q stay, and the headers change", query, form)
			}
			return
		}
		if !plain {
			t.Fatalf("%q is not plain, and became %q", query, x.rawQuery)
		}
		read, left := form, string(x.body.bytes)
		if !x.body.plain { // GitLab reads what we don't
			read, left = "", ""
		}
		if leak := leaks("?"+x.rawQuery) + leaks("?"+left); leak != "" {
			t.Errorf("%q is still there, as a header too", leak)
		}
		if want := inHeaders(t, given, query, read); x.Credential != want {
			t.Errorf("%q and %q with headers %q, %q, %q are another caller's", query, form, private, authorization, job)
		}
		for _, pair := range [][2]string{{query, x.rawQuery}, {form, string(x.body.bytes)}} {
			if was, is := pair[0], pair[1]; others(was) != others(is) {
				t.Errorf("%q became %q", was, is)
			}
		}
	})
}

// inHeaders is whose request it is, by contract section 2.
func inHeaders(t *testing.T, c upstream.Credential, query, form string) upstream.Credential {
	t.Helper()
	merged := map[string]string{}
	for _, text := range []string{query, form} {
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatalf("%q was taken apart: %v", text, err)
		}
		for name, all := range values {
			merged[name] = all[len(all)-1]
		}
	}
	for _, name := range []string{"token", "job_token"} {
		if value, ok := merged[name]; ok {
			c.JobToken = value
		}
	}
	if value, ok := merged["private_token"]; ok {
		c.PrivateToken = value
	}
	for _, name := range []string{"bearer_token", "access_token"} {
		if value, ok := merged[name]; ok {
			c.Authorization = "Bearer " + value
		}
	}
	return c
}

// others are the parameters that hold no credential, as they came.
func others(text string) string {
	var kept []string
	for _, pair := range strings.FieldsFunc(text, func(r rune) bool { return r == '&' }) {
		if leaks("?"+pair) == "" {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}
