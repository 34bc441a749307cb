package rest

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/trace"

	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream"
)

// Config is what a Face needs.
type Config struct {
	// Channel reaches the services.
	Channel *inproc.Channel
	// Relay sends a request on as it came, for the [inproc.Caller] of the context, and
	// calls answer with what GitLab says.
	Relay func(ctx context.Context, raw upstream.Raw, answer func(*http.Response) error) error
	// PublicURL is our own address in links and redirects, without a slash at its end; ""
	// is what the caller asked for.
	PublicURL string
	// MaxBody bounds the bytes of a caller's body, and MaxHeader those of the header.
	MaxBody, MaxHeader int64
	// Tracer makes a span of each request; nil makes none.
	Tracer trace.Tracer
	// TrustedProxies may tell by X-Forwarded-Proto and X-Forwarded-Host what the caller
	// asked for.
	TrustedProxies []netip.Prefix
}

// Face answers GitLab's REST API below /api.
type Face struct {
	cfg Config
	mux *runtime.ServeMux
}

// New makes a face.
func New(cfg Config) (*Face, error) {
	mux, err := newMux(cfg.Channel)
	if err != nil {
		return nil, err
	}
	return &Face{cfg: cfg, mux: mux}, nil
}

// relayable are the methods that go to GitLab on a path that it knows.
var relayable = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// reading are those that change nothing.
var reading = []string{http.MethodGet, http.MethodHead, http.MethodOptions}

// ServeHTTP implements [http.Handler].
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{face: f, w: w, r: r, rawQuery: r.URL.RawQuery}
	if f.cfg.Tracer != nil {
		x.begin()
		defer x.end()
	}
	asked := r.URL.EscapedPath()
	path := squeezed(asked)
	below, ok := strings.CutPrefix(path, apiRoot)
	if len(path)+len(x.rawQuery) > MaxTarget {
		x.refuse(&targetTooLong)
		return
	}
	if f.cfg.MaxHeader > 0 && headerSize(r.Header) > f.cfg.MaxHeader {
		x.refuse(&headerTooLarge)
		return
	}
	if path == "/api/v3" || strings.HasPrefix(path, "/api/v3/") {
		x.refuse(&goneV3)
		return
	}
	if !ok || !strings.HasPrefix(below, "/") {
		x.refuse(&noRoute)
		return
	}
	x.path = withoutDots(below)
	if x.match, ok = find(x.path); !ok {
		x.refuse(&noRoute)
		return
	}
	plain := asked == apiRoot+x.path
	x.fits, x.certain = x.fits && plain, x.certain && plain
	if !slices.Contains(relayable, r.Method) {
		x.Header().Set("Allow", x.allow())
		x.refuse(&wrongMethod)
		return
	}
	x.answer() //nolint:contextcheck // it is in the request
}

// headerSize is what a header takes as HTTP/1.1 writes it.
func headerSize(h http.Header) (bytes int64) {
	for name, values := range h {
		for _, value := range values {
			bytes += int64(len(name) + len(": \r\n") + len(value))
		}
	}
	return bytes
}

// squeezed is a path without repeated slashes before the API's own part: GitLab passes
// over them (contract, section 1), and leaves those behind for [find].
func squeezed(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	trimmed := "/" + strings.TrimLeft(path, "/")
	if rest, ok := strings.CutPrefix(trimmed, "/api/"); ok {
		return "/api/" + strings.TrimLeft(rest, "/")
	}
	return trimmed
}

// allow are the methods of a path, as GitLab lists them.
func (rt *route) allow() string {
	if rt.method == http.MethodGet {
		return "OPTIONS, GET, HEAD"
	}
	return "OPTIONS, " + rt.method
}
