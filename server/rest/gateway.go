package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	gateway "github.com/jobgate/jobgate/gen/gateway/jobgate/v1"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
)

// newMux is grpc-gateway in GitLab's dialect. What it does with headers, statuses and
// errors by itself is switched off: the exchange has GitLab's.
func newMux(channel *inproc.Channel) (*runtime.ServeMux, error) {
	no := func(string) (string, bool) { return "", false }
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, dialect{}),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithIncomingHeaderMatcher(no),
		runtime.WithOutgoingHeaderMatcher(no),
		runtime.WithOutgoingTrailerMatcher(no),
		runtime.WithForwardResponseOption(begin),
		runtime.WithForwardResponseRewriter(toEncode),
		runtime.WithErrorHandler(fail),
		runtime.WithRoutingErrorHandler(notRouted),
	)
	conn, ctx := binding{channel}, context.Background()
	if err := gateway.RegisterAgentServiceHandlerClient(ctx, mux, jobgatev1.NewAgentServiceClient(conn)); err != nil {
		return nil, err
	}
	if err := gateway.RegisterBridgeServiceHandlerClient(ctx, mux, jobgatev1.NewBridgeServiceClient(conn)); err != nil {
		return nil, err
	}
	// Last, since the last one is tried first.
	return mux, gateway.RegisterJobServiceHandlerClient(ctx, mux, jobgatev1.NewJobServiceClient(conn))
}

// call makes the call of an RPC through grpc-gateway. It is given nothing of the
// request but what was bound.
func (x *exchange) call() {
	r := &http.Request{
		Method: x.r.Method,
		URL:    &url.URL{Path: x.r.URL.Path, RawPath: x.r.URL.RawPath, RawQuery: x.bound.query.Encode()},
		Header: http.Header{},
	}
	if x.bound.body != nil {
		r.Body = io.NopCloser(bytes.NewReader(x.bound.body))
	}
	x.face.mux.ServeHTTP(x, r.WithContext(x.context()))
	x.finish(nil)
}

// binding adds to a request what the query of grpc-gateway cannot say.
type binding struct{ *inproc.Channel }

// Invoke implements [grpc.ClientConnInterface].
func (b binding) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if m, ok := args.(proto.Message); ok {
		x := exchangeFrom(ctx)
		complete(m.ProtoReflect(), x.bound.extra)
		name(m.ProtoReflect(), x.requestID())
	}
	return b.Channel.Invoke(ctx, method, args, reply, opts...)
}

// name gives a write its request id.
func name(m protoreflect.Message, id string) {
	if fd := m.Descriptor().Fields().ByName("request_id"); fd != nil && id != "" {
		m.Set(fd, protoreflect.ValueOfString(id))
	}
}

// complete sets the extra parameters, and GitLab's own paging, so that a list is asked
// for just as the caller asks for it.
func complete(m protoreflect.Message, extra []*jobgatev1.Parameter) {
	fields := m.Descriptor().Fields()
	if fd := fields.ByName("paging"); fd != nil && !m.Has(fd) {
		m.Mutable(fd)
	}
	if len(extra) == 0 {
		return
	}
	list := m.Mutable(fields.ByName("extra_parameters")).List()
	for _, p := range extra {
		list.Append(protoreflect.ValueOfMessage(p.ProtoReflect()))
	}
}

// begin answers with GitLab's status and headers.
func begin(_ context.Context, w http.ResponseWriter, _ proto.Message) error {
	if x, ok := w.(*exchange); ok {
		x.succeed(x.Reply.Status, x.Reply.Header)
	}
	return nil
}

// toEncode gives the marshaler the exchange along with the message.
func toEncode(ctx context.Context, m proto.Message) (any, error) {
	return &answered{exchangeFrom(ctx), m}, nil
}

// fail answers a call that failed.
func fail(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	if x, ok := w.(*exchange); ok {
		x.failed(err)
	}
}

// notRouted is for what find has let through and grpc-gateway has not: nothing.
func notRouted(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, _ int) {
	if x, ok := w.(*exchange); ok {
		x.refuse(&noRoute)
	}
}
