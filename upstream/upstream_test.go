package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient is a client of a server on loopback that answers by handler.
func newClient(t testing.TB, handler http.HandlerFunc, opts ...Option) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL, opts...)
}

// clientOf is a client that waits for no quota: tests of that make their own.
func clientOf(t testing.TB, url string, opts ...Option) *Client {
	t.Helper()
	c, err := New(url, append([]Option{WithQuota(false)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// functionClient is a client whose network is a function.
func functionClient(t testing.TB, f roundTripper, opts ...Option) *Client {
	t.Helper()
	return clientOf(t, "https://gitlab.example.com", append([]Option{WithTransport(f)}, opts...)...)
}

// answer is a response with a body of JSON.
func answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode:    status,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}

// respond answers every request alike.
func respond(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// wantError is the [*Error] in err, which must be of the given kind.
func wantError(t testing.TB, err error, kind Kind) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error is %T (%v), want *Error", err, err)
	}
	if e.Kind != kind {
		t.Fatalf("kind is %v, want %v: %v", e.Kind, kind, err)
	}
	return e
}

func as(ctx context.Context, credential Credential) context.Context {
	return WithCall(ctx, &Call{Credential: credential})
}
