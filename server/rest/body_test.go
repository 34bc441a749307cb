package rest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// timed is a connection on which reading has a deadline.
type timed struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (w *timed) SetReadDeadline(at time.Time) error {
	w.deadlines = append(w.deadlines, at)
	return nil
}

// slow is a sender who is still sending when the deadline passes.
type slow struct{}

func (slow) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func TestSlowSenders(t *testing.T) {
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v4/projects/1/jobs/7/cancel", io.MultiReader(strings.NewReader("{"), slow{}))
	r.ContentLength = 100
	_, why := readBody(w, r, 1<<10)
	if why == nil || why.status != http.StatusRequestTimeout {
		t.Errorf("answered %v", why)
	}
	if len(w.deadlines) != 0 {
		t.Errorf("the deadline was changed: %v", w.deadlines)
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
	if sent, why := readBody(w, r, 1<<10); why != nil || string(sent.bytes) != "{}" || len(w.deadlines) != 1 || !w.deadlines[0].IsZero() {
		t.Errorf("%v, %v, deadlines %v", sent, why, w.deadlines)
	}
}

func TestCredentialsMove(t *testing.T) {
	const form, object = "application/x-www-form-urlencoded", "application/json"
	cases := map[string]struct {
		header            []string
		query, kind, body string
		want              string // Private-Token | Authorization | Job-Token | Sudo | query | body
	}{
		"none":                    {nil, "a=1", "", "", "||||a=1|"},
		"headers":                 {[]string{"Private-Token", "p", "Job-Token", "j", "Authorization", "Bearer b", "Sudo", "s"}, "", "", "", "p|Bearer b|j|s||"},
		"private_token":           {nil, "a=1&private_token=p%20q&b=2", "", "", "p q||||a=1&b=2|"},
		"before the header":       {[]string{"Private-Token", "h"}, "private_token=p", "", "", "p|||||"},
		"the last one":            {nil, "private_token=p&private_token=q", "", "", "q|||||"},
		"empty stays":             {[]string{"Private-Token", "h"}, "private_token=", "", "", "h||||private_token=|"},
		"list stays":              {nil, "private_token[]=p", "", "", "||||private_token[]=p|"},
		"CRLF stays":              {nil, "private_token=p%0d%0aq", "", "", "||||private_token=p%0d%0aq|"},
		"one stays, all stay":     {nil, "private_token=p&token=", "", "", "||||private_token=p&token=|"},
		"job_token before token":  {[]string{"Job-Token", "h"}, "job_token=j&token=t", "", "", "||j|||"},
		"token before the header": {[]string{"Job-Token", "h"}, "token=t", "", "", "||t|||"},
		"access_token":            {nil, "access_token=o", "", "", "|Bearer o||||"},
		"bearer_token":            {nil, "bearer_token=o", "", "", "|Bearer o||||"},
		"two OAuth":               {nil, "access_token=o&bearer_token=q", "", "", "||||access_token=o&bearer_token=q|"},
		"OAuth beside a header":   {[]string{"Private-Token", "h"}, "access_token=o", "", "", "h||||access_token=o|"},
		"OAuth beside Bearer":     {[]string{"Authorization", "Bearer b"}, "access_token=o", "", "", "|Bearer b|||access_token=o|"},
		"sudo":                    {[]string{"Sudo", "h"}, "sudo=root&private_token=p", "", "", "p|||h|sudo=root|"},
		"form":                    {nil, "", form, "a=1&private_token=p", "p|||||a=1"},
		"form before query":       {nil, "private_token=q", form, "private_token=p", "p|||||"},
		"JSON":                    {nil, "", object, `{"a": 1, "private_token": "p\u0041"}`, `pA|||||{"a":1}`},
		"JSON number stays":       {nil, "", object, `{"token": 5}`, `|||||{"token": 5}`},
		"JSON null stays":         {[]string{"Private-Token", "h"}, "", object, `{"private_token": null}`, `h|||||{"private_token": null}`},
		"semicolons stay":         {nil, "a=1;private_token=p", "", "", "||||a=1;private_token=p|"},
		"other bodies stay":       {nil, "", "text/plain", "private_token=p", "|||||private_token=p"},
	}
	for name, c := range cases {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v4/job", http.NoBody)
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		x := &exchange{r: r, rawQuery: c.query, body: &body{bytes: []byte(c.body), contentType: c.kind}}
		if c.body != "" {
			x.body.parse()
		}
		x.identify()
		cred := x.Credential
		got := strings.Join([]string{cred.PrivateToken, cred.Authorization, cred.JobToken, cred.Sudo, x.rawQuery, string(x.body.bytes)}, "|")
		if got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}
