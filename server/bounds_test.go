package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// TestRequestBounds proves what a request may take, over both faces: nothing of what is
// larger reaches GitLab.
func TestRequestBounds(t *testing.T) {
	asked := 0
	gw, _ := configured(t, gitlabOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Type", asJSON)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id":7}`))
	})), Config{ShutdownTimeout: time.Minute, MaxRequest: 2 << 10, MaxHeader: 8 << 10})
	play := func(n, header int) codes.Code {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-more", strings.Repeat("x", header))
		_, err := gw.jobs.PlayJob(ctx, &jobgatev1.PlayJobRequest{
			Project: "1", JobId: 7, JobVariablesAttributes: []*jobgatev1.JobVariable{{Key: "K", Value: strings.Repeat("v", n)}},
		})
		return status.Code(err)
	}
	post := func(n, header int) int {
		body := `{"job_variables_attributes":[{"key":"K","value":"` + strings.Repeat("v", n) + `"}]}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gw.url+"/api/v4/projects/1/jobs/7/play", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", asJSON)
		req.Header.Set("X-More", strings.Repeat("x", header))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for name, c := range map[string]struct {
		body, header int
		grpc         codes.Code
		rest         int
	}{
		"within":       {1 << 10, 6 << 10, codes.OK, http.StatusCreated},
		"large body":   {3 << 10, 0, codes.ResourceExhausted, http.StatusRequestEntityTooLarge},
		"large header": {0, 9 << 10, codes.Internal, http.StatusRequestHeaderFieldsTooLarge},
		"a larger one": {0, 80 << 10, codes.Internal, http.StatusRequestHeaderFieldsTooLarge},
	} {
		asked = 0
		code, httpStatus := play(c.body, c.header), post(c.body, c.header)
		if code != c.grpc || httpStatus != c.rest {
			t.Errorf("%s: %v and %d, want %v and %d", name, code, httpStatus, c.grpc, c.rest)
		}
		if want := map[bool]int{true: 2}[c.grpc == codes.OK]; asked != want {
			t.Errorf("%s: gitlab was asked %d times", name, asked)
		}
	}
}
