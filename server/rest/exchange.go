package rest

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream"
)

// exchange is one request and its answer. It is also the ResponseWriter that
// grpc-gateway writes to.
type exchange struct {
	face *Face
	w    http.ResponseWriter
	r    *http.Request
	inproc.Caller

	span   trace.Span      // nil for none
	traced context.Context //nolint:containedctx // that of the request, with the span

	match
	path     string // escaped, below apiRoot
	rawQuery string // but for credentials that were moved
	query    []param
	body     *body
	bound    *bound

	status   int     // of a success
	sent     int     // what was written, 0 for nothing yet
	broken   bool    // the answer is not whole
	started  bool    // the header is written
	moved    bool    // a credential was found in a parameter
	follows  bool    // the answer is a log that is followed, or its events
	gone     bool    // the caller takes no more
	fresh    bool    // the caller has the answer already: 304
	encoding *buffer // what the answer was encoded into
}

type exchangeKey struct{}

func exchangeFrom(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// answer finds the way that a request goes.
func (x *exchange) answer() {
	var why *refusal
	if x.body, why = readBody(x.w, x.r, x.face.cfg.MaxBody); why != nil {
		x.refuse(why)
		return
	}
	x.RequestID = requestID(x.r.Header)
	x.Forward = forward(x.r.Header)
	x.Caller.Caller = inproc.Host(x.r.RemoteAddr)
	x.KeepRedirects, x.ByReference = true, true
	x.BridgesRoute = x.bridges
	x.TLS = x.r.TLS
	plain := x.identify()
	x.Shown, x.ForOthers = x.Credential, !plain || x.moved || x.speaksForOthers()
	x.Relayed = inproc.Relayed{
		Method: x.rpc, Project: x.project, Reading: slices.Contains(reading, x.r.Method), Certain: x.certain,
	}
	if !plain || !x.fits || x.r.Method != x.method || !x.fitted() {
		if x.requestID() != "" {
			x.refuse(ownFailure(http.StatusNotImplemented, "NOT_IMPLEMENTED", requestIDHeader+" goes only with a write that the contract can say: without parameters that are unknown to it or of another type"))
			return
		}
		x.relay()
	}
}

// requestIDHeader names a write, as `request_id` does over gRPC.
const requestIDHeader = "Jobgate-Request-Id"

// requestID is the name of a write; several are none that is valid.
func (x *exchange) requestID() string {
	if slices.Contains(reading, x.r.Method) {
		return ""
	}
	return strings.Join(x.r.Header[requestIDHeader], ", ")
}

// fitted makes the call that the request stands for, if it fits one.
func (x *exchange) fitted() (ok bool) {
	query, part := x.query, logPart{}
	if x.log {
		if query, part, ok = x.part(); !ok {
			return false
		}
		if part.follow && len(query) > 0 {
			x.refuse(ownFailure(http.StatusBadRequest, "INVALID_REQUEST", "a log that is followed takes byte_offset, byte_limit, cursor, tail_bytes and tail_lines, not "+query[0].name))
			return true
		}
	}
	if x.bound, ok = x.bind(query, x.body); !ok {
		return false
	}
	switch {
	case part.follow || part.form != "":
		x.follows, x.KeepRedirects = true, false
		x.sendEvents(part)
		return true
	case x.log:
		x.sendLog(part)
		return true
	}
	x.Spelling = &upstream.Spelling{Query: x.rawQuery, Body: x.body.bytes}
	if x.method == http.MethodPost {
		x.Spelling.ContentType = x.body.contentType
	}
	x.call()
	return true
}

// context is that of the calls that the request leads to.
func (x *exchange) context() context.Context {
	ctx := x.r.Context()
	if x.span != nil {
		ctx = x.traced
	}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	return inproc.WithCaller(ctx, &x.Caller)
}

// requestID is the caller's name for the request, if it can be logged.
func requestID(h http.Header) string {
	id := h.Get("X-Request-Id")
	if len(id) > 128 || !fitsHeader(id) {
		return ""
	}
	return id
}

// Header implements [http.ResponseWriter].
func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader implements [http.ResponseWriter]. The status is that of GitLab's answer,
// and is written with the body.
func (x *exchange) WriteHeader(int) {}

// Write writes the whole body of an answer.
func (x *exchange) Write(p []byte) (int, error) {
	if !x.fresh {
		x.Header()["Content-Length"] = []string{strconv.Itoa(len(p))}
	}
	x.start(x.status)
	if x.fresh {
		return 0, nil
	}
	if _, err := x.w.Write(p); err != nil {
		x.gone = true // nobody failed
	}
	x.encoding.free()
	return len(p), nil
}

// start writes the header.
func (x *exchange) start(status int) {
	x.started, x.sent = true, status
	x.w.WriteHeader(status)
}
