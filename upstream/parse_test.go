package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

func getJob(t testing.TB, c *Client) error {
	t.Helper()
	_, err := c.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "group/app", JobId: 7})
	return err
}

// TestErrorForms walks the rows of contract section 3.
func TestErrorForms(t *testing.T) {
	file, err := os.ReadFile("testdata/errors.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		When   string
		Status int
		Body   map[string]any
	}
	if err := json.Unmarshal(file, &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		body, _ := json.Marshal(row.Body)
		call := &Call{}
		c := newClient(t, respond(row.Status, "application/json", string(body)))
		_, err := c.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: "group/app", JobId: 7})
		e := wantError(t, err, Answered)
		if e.Status != row.Status || !bytes.Equal(e.Body, body) || e.Truncated || e.Err != nil {
			t.Errorf("%s: got %#v", row.When, e)
		}
		message, code := wordsOf(row.Body)
		if e.Message != message || e.Code != code {
			t.Errorf("%s: message %q, code %q, want %q, %q", row.When, e.Message, e.Code, message, code)
		}
		if isViolation := row.Status == 400 && row.Body["error"] != nil; isViolation != (len(e.Violations) == 1) {
			t.Errorf("%s: violations %v", row.When, e.Violations)
		}
		if call.Reply.Status != row.Status || call.Reply.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: reply %v", row.When, call.Reply)
		}
	}
}

// wordsOf is what a row of errors.json says, read in another way than the code does.
func wordsOf(body map[string]any) (message, code string) {
	if m, ok := body["message"].(string); ok {
		return m, ""
	}
	if m, ok := body["message"].(map[string]any); ok {
		return m["error"].(string), ""
	}
	if d, ok := body["error_description"].(string); ok {
		return d, body["error"].(string)
	}
	return body["error"].(string), ""
}

func TestMessages(t *testing.T) {
	long := strings.Repeat("ü", 400)
	for name, row := range map[string]struct{ contentType, body, want string }{
		"array":              {"application/json", `{"message":["a","b"]}`, "a, b"},
		"validation":         {"application/json", `{"message":{"base":["x"],"name":["is short","is odd"]}}`, "x; name is short, is odd"},
		"number":             {"application/json; charset=utf-8", `{"message":3}`, "3"},
		"null":               {"application/json", `{"message":null,"error":"e"}`, "e"},
		"empty":              {"application/json", ``, "Bad Gateway"},
		"not JSON":           {"application/json", `{"message"`, "Bad Gateway"},
		"array of top level": {"application/json", `["a"]`, "Bad Gateway"},
		"odd description":    {"application/json", `{"error":"e","error_description":["d"]}`, "d"},
		"text":               {"text/plain", "Retry later\n", "Retry later"},
		"page":               {"text/html", "<html><head><TITLE>\n Bad &amp; gone </TITLE></head><body>x", "Bad & gone"},
		"page, no title":     {"text/html; charset=utf-8", "<html>secret", "a page of HTML"},
		"other type":         {"image/png", "\x89PNG", "Bad Gateway"},
		"control characters": {"text/plain", "a\r\n\x1b[31mb\u2028c", "a [31mb c"},
		"not UTF-8":          {"text/plain", "a\xffb", "a\uFFFDb"},
		"long":               {"text/plain", long, long[:512]},
		"1 MiB":              {"application/json", `{"message":"` + strings.Repeat("x", 1<<20-14) + `"}`, strings.Repeat("x", 512)},
		"beyond 1 MiB":       {"application/json", `{"message":"` + strings.Repeat("x", 1<<20) + `"}`, "Bad Gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			e := wantError(t, getJob(t, newClient(t, respond(502, row.contentType, row.body))), Answered)
			if e.Message != row.want || e.ContentType != row.contentType {
				t.Errorf("message %q of %q, want %q", e.Message, e.ContentType, row.want)
			}
			if len(e.Body) > 1<<20 || e.Truncated != (len(row.body) > 1<<20) {
				t.Errorf("%d bytes of %d, truncated %v", len(e.Body), len(row.body), e.Truncated)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	c := newClient(t, respond(403, "application/json", `{"message":"403 Forbidden - Job is not retryable"}`))
	_, err := c.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "group/app", JobId: 7})
	e := wantError(t, err, Answered)
	if want := "retry job 7 of group/app: gitlab answered 403: 403 Forbidden - Job is not retryable"; err.Error() != want {
		t.Errorf("text is %q, want %q", err, want)
	}
	if !e.Write {
		t.Error("a retry is no write")
	}
}

func TestViolations(t *testing.T) {
	for words, want := range map[string][]Violation{
		"scope does not have a valid value": {{"scope", "does not have a valid value"}},
		"job_id is invalid":                 {{"job_id", "is invalid"}},
		"job_variables_attributes[0][key] is missing, job_variables_attributes[1][value] is missing": {
			{"job_variables_attributes[0][key]", "is missing"}, {"job_variables_attributes[1][value]", "is missing"},
		},
		"page is invalid, per_page has a value not allowed": {
			{"page", "is invalid"}, {"per_page", "has a value not allowed"},
		},
		"a, b are mutually exclusive": {{"a", "are mutually exclusive"}, {"b", "are mutually exclusive"}},
		"404 Not Found":               nil,
		"something went wrong":        nil,
		"a, b":                        nil,
		"":                            nil,
	} {
		if got := violations(words); !reflect.DeepEqual(got, want) {
			t.Errorf("violations(%q) = %v, want %v", words, got, want)
		}
	}
}

func FuzzExplain(f *testing.F) {
	f.Add(400, "application/json", `{"message":{"error":"x"}}`)
	f.Add(400, "application/json", `{"error":"a is invalid, b is missing"}`)
	f.Add(502, "text/html", "<title>&lt;x</title")
	f.Add(429, "text/plain", "Retry later\n\xff")
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		e := &Error{Status: status, ContentType: contentType}
		explain(e, body)
		if len(e.Message) > maxMessage || !utf8.ValidString(e.Message) || strings.ContainsAny(e.Message, "\r\n\x00\x1b") {
			t.Errorf("message is %q", e.Message)
		}
		for _, v := range e.Violations {
			if v.Field == "" || v.Rule == "" || !utf8.ValidString(v.Rule) {
				t.Errorf("violation is %q", v)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a clock that stands still
		in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
		for name, row := range map[string]struct {
			status int
			header http.Header
			want   time.Duration
		}{
			"none":                 {429, http.Header{}, 0},
			"seconds":              {429, http.Header{"Retry-After": {"30"}}, 30 * time.Second},
			"zero":                 {503, http.Header{"Retry-After": {"0"}}, 0},
			"negative":             {503, http.Header{"Retry-After": {"-5"}}, 0},
			"date":                 {503, http.Header{"Retry-After": {in(time.Minute)}}, time.Minute},
			"date gone by":         {503, http.Header{"Retry-After": {in(-time.Minute)}}, 0},
			"too long":             {503, http.Header{"Retry-After": {"9223372036854775807"}}, 24 * time.Hour},
			"nonsense":             {503, http.Header{"Retry-After": {"soon"}}, 0},
			"reset":                {429, http.Header{"Ratelimit-Reset": {"946684860"}}, time.Minute},
			"reset of other calls": {404, http.Header{"Ratelimit-Reset": {"946684860"}}, 0},
			"both":                 {429, http.Header{"Retry-After": {"5"}, "Ratelimit-Reset": {"946684860"}}, 5 * time.Second},
		} {
			if got := retryAfter(row.status, row.header); got != row.want {
				t.Errorf("%s: %v, want %v", name, got, row.want)
			}
		}
	})
}

func TestRequestIDAndRetryAfterAreTold(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "01ABC")
		w.Header().Set("Retry-After", "7")
		respond(429, "text/plain", "Retry later\n")(w, r)
	})
	e := wantError(t, getJob(t, c), Answered)
	if e.RequestID != "01ABC" || e.RetryAfter != 7*time.Second || e.Message != "Retry later" {
		t.Errorf("got %#v", e)
	}
	if errors.Unwrap(e) != nil {
		t.Errorf("an answer has a cause: %v", e.Err)
	}
}

func TestKindNames(t *testing.T) {
	for kind, want := range map[Kind]string{0: "unknown", Answered: "answered", Invalid: "invalid", 99: "unknown", -1: "unknown"} {
		if kind.String() != want {
			t.Errorf("%d is %q, want %q", kind, kind, want)
		}
	}
}
