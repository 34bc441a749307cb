package upstream

import (
	"net/http"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// FuzzAuthorize proves that a credential goes to GitLab as it came, each part once and in the
// header of its name, or that the call is refused in words that repeat nothing of it.
func FuzzAuthorize(f *testing.F) {
	f.Add("glpat-secret", "Bearer secret-secret", "glcbt-secret", "ada", "a.b.c")
	f.Add("glpat-secret\r\nJob-Token: other", "", "", "", "")
	f.Add("glpat-\x00secret", "", "", "\x7f", "")
	f.Add(" glpat-secret ", "\t", "é", "", "")
	f.Fuzz(func(t *testing.T, private, authorization, job, sudo, dpop string) {
		who := Credential{PrivateToken: private, Authorization: authorization, JobToken: job, Sudo: sudo, DPoP: dpop}
		want := map[string]string{"Private-Token": private, "Authorization": authorization, "Job-Token": job, "Sudo": sudo, "Dpop": dpop}
		fits := true
		for _, value := range want {
			for _, c := range []byte(value) {
				fits = fits && c != 0x7f && (c >= ' ' || c == '\t')
			}
		}
		var asked []http.Header
		c := functionClient(t, func(req *http.Request) (*http.Response, error) {
			asked = append(asked, req.Header)
			return answer(200, `{"id":7}`), nil
		})
		_, err := c.GetJob(as(t.Context(), who), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
		if fits != (err == nil) || fits != (len(asked) == 1) {
			t.Fatalf("fits: %v, but %v, asked %d times", fits, err, len(asked))
		}
		if err != nil {
			wantNoSecret(t, who, err.Error())
			return
		}
		for name, value := range want {
			if got := asked[0][name]; value == "" && got != nil || value != "" && (len(got) != 1 || got[0] != value) {
				t.Errorf("%s was sent as %q, want %q", name, got, value)
			}
		}
		for name, values := range asked[0] {
			if _, own := want[name]; !own {
				wantNoSecret(t, who, name+": "+strings.Join(values, ", "))
			}
		}
	})
}

// plain is what any text of ours may hold.
const plainWords = "private-token authorization job-token sudo dpop must not have control characters application/json identity Accept-Encoding: User-Agent: jobgate Go-http-client get job 7 of project 1: not sent: invalid"

// wantNoSecret asserts that a text holds none of a credential that is long enough to be one.
func wantNoSecret(t *testing.T, who Credential, text string) {
	t.Helper()
	for _, h := range who.headers() {
		if len(h.value) >= shortestSecret && strings.Contains(text, h.value) && !strings.Contains(plainWords, strings.TrimSpace(h.value)) {
			t.Errorf("%s: %q is in %q", h.name, h.value, text)
		}
	}
}

// FuzzScrub proves that no secret is left in a text, and that all else is.
func FuzzScrub(f *testing.F) {
	f.Add("before ", "glpat-secret", " after", "Bearer secret-secret")
	f.Add("", "secret-secret", "", "Bearer secret-secret")
	f.Add("redacted", "redacted", "[redacted]", "[[[[[[[")
	f.Add("x", " glpat-secret ", "y", "Bearer  glpat-secret")
	f.Fuzz(func(t *testing.T, before, private, after, authorization string) {
		who := Credential{PrivateToken: private, Authorization: authorization}
		_, bearer, _ := strings.Cut(authorization, " ")
		text := before + private + after + authorization
		got := who.Scrub(text)
		for _, secret := range []string{private, authorization, bearer} {
			secret = strings.TrimSpace(secret)
			if len(secret) >= 6 && strings.Contains(got, secret) && !overlaps(secret, "[redacted]") {
				t.Errorf("%q is in %q", secret, got)
			}
		}
		if (Credential{}).Scrub(text) != text {
			t.Error("a text without secrets changes")
		}
		if other := (Credential{PrivateToken: "canary-private"}).Scrub(text); !strings.Contains(text, "canary-private") && other != text {
			t.Errorf("%q became %q", text, other)
		}
	})
}

// overlaps says whether a text may come about where what is put in meets what was there.
func overlaps(text, put string) bool {
	return strings.ContainsAny(text, put)
}
