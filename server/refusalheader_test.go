package server

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// TestRefusalsKeepTheirHeaders proves that whoever is refused gets GitLab's headers beside
// its status, over both faces, also where another request than his own was refused: that
// of a write with a request id, or of a log that is shared.
func TestRefusalsKeepTheirHeaders(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 405, 429} {
		gw := newGateway(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-Id", "01J")
			w.Header().Set("X-Gitlab-Meta", "{}")
			w.Header().Set("Ratelimit-Limit", "60")
			if code == 429 {
				w.Header().Set("Retry-After", "7")
			}
			message(code, "no").ServeHTTP(w, nil)
		}))
		want := []string{"ratelimit-limit", "x-gitlab-meta", "x-request-id"}
		if code == 429 {
			want = []string{"ratelimit-limit", "retry-after", "x-gitlab-meta", "x-request-id"}
		}
		for name, call := range map[string]func(ctx context.Context, md *metadata.MD) error{
			"a write with a request id": func(ctx context.Context, md *metadata.MD) error {
				_, err := gw.jobs.EraseJob(ctx, &jobgatev1.EraseJobRequest{Project: "1", JobId: 7, RequestId: "a"}, grpc.Header(md))
				return err
			},
			"a log":                func(ctx context.Context, md *metadata.MD) error { return readHeader(ctx, gw, md, false) },
			"a log that is shared": func(ctx context.Context, md *metadata.MD) error { return readHeader(ctx, gw, md, true) },
		} {
			var md metadata.MD
			if err := call(as(t, "glpat-"+strings.ReplaceAll(name, " ", "-")), &md); err == nil {
				t.Fatalf("%s, %d: no error", name, code)
			}
			for _, key := range want {
				if len(md[key]) != 1 {
					t.Errorf("%s, %d: %s is missing in %v", name, code, key, md)
				}
			}
		}
		plain := refusedOverREST(t, gw, http.MethodPost, "/projects/1/jobs/8/erase", "plain", nil)
		id := http.Header{"Jobgate-Request-Id": {"b"}}
		sameNames := func(name string, got http.Header) {
			if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(plain)); !slices.Equal(a, b) {
				t.Errorf("REST, %s, %d: got %v, want %v", name, code, a, b)
			}
		}
		sameNames("a write with a request id", refusedOverREST(t, gw, http.MethodPost, "/projects/1/jobs/8/erase", "once", id))
		maps.DeleteFunc(plain, func(key string, _ []string) bool { return strings.HasPrefix(key, "Jobgate-Quota") })
		sameNames("a log that is shared", refusedOverREST(t, gw, http.MethodGet, "/projects/1/jobs/8/trace?follow=true", "follow", nil))
		if text := gw.log.String(); strings.Contains(text, "upstream_status=0") {
			t.Errorf("%d: a call is logged without its status: %s", code, text)
		}
	}
}

// readHeader reads a log that is refused.
func readHeader(ctx context.Context, gw *gateway, md *metadata.MD, follow bool) error {
	stream, err := gw.traces.ReadTrace(ctx, &jobgatev1.ReadTraceRequest{Project: "1", JobId: 7, Follow: follow})
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	*md, _ = stream.Header()
	return err
}

func refusedOverREST(t *testing.T, gw *gateway, method, path, token string, header http.Header) http.Header {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, gw.url+"/api/v4"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Private-Token", "glpat-"+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("%s %s was answered %d", method, path, resp.StatusCode)
	}
	return resp.Header
}
