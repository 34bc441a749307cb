package upstream

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// TestBodiesOfMalformedAnswers: an answer that is not what the API promises is told
// completely up to 1 MiB, and as truncated if it is not.
func TestBodiesOfMalformedAnswers(t *testing.T) {
	array := func(n int) string { return "[" + strings.Repeat(" ", n-2) + "]" }
	part := answer(206, `{"id":7}`)
	brotli := answer(200, "bytes")
	brotli.Header.Set("Content-Encoding", "br")
	html := answer(200, "<title>"+strings.Repeat("x", 100_000))
	html.Header.Set("Content-Type", "text/html")
	corrupt := zipped(200, []byte(`{"id":7}`))
	zip, _ := io.ReadAll(corrupt.Body)
	corrupt.Body, corrupt.ContentLength = io.NopCloser(bytes.NewReader(zip[:len(zip)-6])), -1
	for name, row := range map[string]struct {
		resp      *http.Response
		body      int
		truncated bool
	}{
		"other JSON":          {answer(200, array(200_000)), 200_000, false},
		"other JSON of 1 MiB": {answer(200, array(1<<20)), 1 << 20, false},
		"more":                {answer(200, array(1<<20+1)), 1 << 20, true},
		"a part":              {part, 8, false},
		"other encoding":      {brotli, 5, false},
		"a page":              {html, 100_007, false},
		"corrupt":             {corrupt, 8, true},
	} {
		c := functionClient(t, func(*http.Request) (*http.Response, error) { return row.resp, nil })
		e := wantError(t, getJob(t, c), Malformed)
		if len(e.Body) != row.body || e.Truncated != row.truncated {
			t.Errorf("%s: %d bytes, truncated %v", name, len(e.Body), e.Truncated)
		}
	}
	paged := answer(200, `[{"id":7}]`)
	paged.Header.Set("X-Next-Page", "nowhere")
	c := functionClient(t, func(*http.Request) (*http.Response, error) { return paged, nil })
	_, _, err := c.ListPipelineJobs(t.Context(), &jobgatev1.ListPipelineJobsRequest{Project: "1"}, Position{})
	if e := wantError(t, err, Malformed); e.Body != nil || !e.Truncated {
		t.Errorf("got %#v", e)
	}
}
