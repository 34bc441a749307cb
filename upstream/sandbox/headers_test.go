package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestHeadersOfEveryAnswer(t *testing.T) {
	sb, _ := newBox()
	first := send(sb, "GET", jobURL(sandbox.JobSuccess), maintainer)
	for name, value := range map[string]string{
		"X-Frame-Options": "SAMEORIGIN", "X-Content-Type-Options": "nosniff", "Vary": "Origin",
		"Content-Type": "application/json", "Cache-Control": "max-age=0, private, must-revalidate",
		"X-Gitlab-Meta": `{"correlation_id":"` + first.Header().Get("X-Request-Id") + `","version":"1"}`,
	} {
		wantHeader(t, first, name, value)
	}
	if first.Header().Get("X-Runtime") == "" {
		t.Error("6 no X-Runtime")
	}
	wantNoHeader(t, first, "Last-Modified", "Access-Control-Allow-Origin")
	second := send(sb, "GET", jobURL(sandbox.JobSuccess), maintainer)
	if first.Header().Get("X-Request-Id") == second.Header().Get("X-Request-Id") {
		t.Error("6 two requests have one id")
	}
}

func TestETag(t *testing.T) {
	sb, clk := newBox()
	target := jobURL(sandbox.JobSuccess, "trace")
	etag := send(sb, "GET", target, maintainer).Header().Get("ETag")
	if len(etag) != 36 || etag[:3] != `W/"` {
		t.Fatalf("6 ETag %q is not a weak digest", etag)
	}
	for name, tc := range map[string]struct {
		method, given string
		want          int
	}{
		"6 the same":  {"GET", etag, 304},
		"6 HEAD":      {"HEAD", etag, 304},
		"6 in a list": {"GET", `"x", ` + etag, 304},
		"6 strong":    {"GET", etag[2:], 304},
		"6 star":      {"GET", "*", 304},
		"6 another":   {"GET", `W/"0123"`, 200},
		"6 none":      {"GET", "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(sb, tc.method, target, maintainer, header("If-None-Match", tc.given))
			wantStatus(t, w, tc.want)
			wantHeader(t, w, "ETag", etag)
			if tc.want == 304 {
				wantBody(t, w, "")
				wantNoHeader(t, w, "Content-Type", "Content-Length")
			}
		})
	}
	t.Run("6 writes are never 304", func(t *testing.T) {
		w := send(sb, "POST", jobURL(sandbox.JobSuccess, "cancel"), maintainer, header("If-None-Match", "*"))
		wantStatus(t, w, http.StatusCreated)
		if w.Header().Get("ETag") == "" {
			t.Error("6 201 without ETag")
		}
	})
	t.Run("6 a growing duration defeats it", func(t *testing.T) {
		before := send(sb, "GET", jobURL(sandbox.JobRunning), maintainer).Header().Get("ETag")
		clk.advance(1e9)
		w := send(sb, "GET", jobURL(sandbox.JobRunning), maintainer, header("If-None-Match", before))
		wantStatus(t, w, http.StatusOK)
	})
	t.Run("6 errors have none", func(t *testing.T) {
		w := send(sb, "GET", jobURL(9999), maintainer, header("If-None-Match", "*"))
		wantStatus(t, w, http.StatusNotFound)
		wantNoHeader(t, w, "ETag")
		wantHeader(t, w, "Cache-Control", "no-cache")
	})
	t.Run("6 If-Unmodified-Since is not honoured", func(t *testing.T) {
		w := send(sb, "GET", target, maintainer, header("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"))
		wantStatus(t, w, http.StatusOK)
	})
}

func TestHEADHasLengthAndNoBody(t *testing.T) {
	sb, _ := newBox()
	target := jobURL(sandbox.JobSuccess, "trace")
	full, head := send(sb, "GET", target, maintainer), send(sb, "HEAD", target, maintainer)
	wantBody(t, head, "")
	for _, name := range []string{"Content-Length", "ETag", "Content-Type", "Content-Disposition"} {
		wantHeader(t, head, name, full.Header().Get(name))
	}
}

func TestCORS(t *testing.T) {
	sb, _ := newBox()
	w := send(sb, "OPTIONS", widgets+"/jobs", header("Origin", "https://elsewhere.example"),
		header("Access-Control-Request-Headers", "private-token"))
	wantHeader(t, w, "Access-Control-Allow-Origin", "*")
	wantHeader(t, w, "Access-Control-Allow-Headers", "private-token")
	wantNoHeader(t, w, "Access-Control-Allow-Credentials")
	w = send(sb, "GET", widgets+"/jobs", maintainer, header("Origin", sandbox.DefaultURL))
	wantHeader(t, w, "Access-Control-Allow-Origin", sandbox.DefaultURL)
	wantHeader(t, w, "Access-Control-Allow-Credentials", "true")
}
