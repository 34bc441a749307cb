package upstream

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// TestBounds proves each bound on what GitLab sends, just within and just beyond.
func TestBounds(t *testing.T) {
	pad := func(n int) string { return strings.Repeat("x", n) }
	job := func(n int) string { return `{"id":7,"name":"` + pad(n-18) + `"}` }
	for name, c := range map[string]struct {
		bound  Option
		status int
		header int // bytes of an additional one
		body   string
		kind   Kind // 0 is success
	}{
		"body within":        {WithMaxBody(100), 200, 0, job(100), 0},
		"body beyond":        {WithMaxBody(100), 200, 0, job(101), TooLarge},
		"header within":      {WithMaxHeader(8 << 10), 200, 7 << 10, job(50), 0},
		"header beyond":      {WithMaxHeader(8 << 10), 200, 9 << 10, job(50), TooLarge},
		"error body within":  {WithMaxErrorBody(100), 403, 0, pad(100), Answered},
		"error body beyond":  {WithMaxErrorBody(100), 403, 0, pad(101), Answered},
		"garbage beyond":     {WithMaxErrorBody(100), 200, 0, pad(101), Malformed},
		"memory of one":      {func(c *Client) { WithMaxBody(2 << 20)(c); WithMemory(3 << 20)(c) }, 200, 0, job(2 << 20), 0},
		"header of an error": {WithMaxHeader(8 << 10), 404, 9 << 10, `{}`, TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			gitlab := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Content-Type", "application/json")
				if c.header > 0 {
					w.Header().Set("X-More", pad(c.header))
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			t.Cleanup(gitlab.Close)
			client := clientOf(t, gitlab.URL, c.bound)
			_, err := client.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
			e, failed := errors.AsType[*Error](err)
			if failed != (c.kind != 0) || failed && e.Kind != c.kind || asked != 1 {
				t.Fatalf("asked %d times: %v", asked, err)
			}
			if failed && (len(e.Body) > 100 || e.Truncated != (len(e.Body) == 100 && len(c.body) > 100)) {
				t.Errorf("%d bytes are kept, truncated: %v", len(e.Body), e.Truncated)
			}
			if !failed || c.kind != TooLarge {
				return
			}
			_, err = client.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "1", JobId: 7})
			if e, ok := errors.AsType[*Error](err); !ok || e.Kind != TooLarge || !e.OutcomeUnknown() || asked != 2 {
				t.Errorf("a write, asked %d times: %v", asked-1, err)
			}
		})
	}
}

// TestWrongBounds proves that bounds are refused that would let nothing through, or all.
func TestWrongBounds(t *testing.T) {
	for name, c := range map[string]struct {
		bound Option
		want  string
	}{
		"no body":       {WithMaxBody(0), "the largest body"},
		"no header":     {WithMaxHeader(0), "the largest header"},
		"any header":    {WithMaxHeader(1 << 40), "the largest header"},
		"no error body": {WithMaxErrorBody(-1), "what is kept of an error"},
		"little memory": {WithMemory(1 << 20), "must hold one of the largest"},
	} {
		if _, err := New("http://gitlab.test", c.bound); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
