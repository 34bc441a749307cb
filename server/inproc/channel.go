package inproc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Channel calls the services that are registered with it. It is safe for concurrent
// use once they are.
type Channel struct {
	unary   grpc.UnaryServerInterceptor
	stream  grpc.StreamServerInterceptor
	unaries map[string]unary
	streams map[string]stream
}

type unary struct {
	service any
	handle  grpc.MethodHandler
}

type stream struct {
	service any
	handle  grpc.StreamHandler
	info    grpc.StreamServerInfo
}

var (
	_ grpc.ClientConnInterface = (*Channel)(nil)
	_ grpc.ServiceRegistrar    = (*Channel)(nil)
)

// New makes a channel whose calls pass the interceptors.
func New(one grpc.UnaryServerInterceptor, many grpc.StreamServerInterceptor) *Channel {
	return &Channel{unary: one, stream: many, unaries: map[string]unary{}, streams: map[string]stream{}}
}

// RegisterService implements [grpc.ServiceRegistrar].
func (c *Channel) RegisterService(desc *grpc.ServiceDesc, service any) {
	prefix := "/" + desc.ServiceName + "/"
	for i := range desc.Methods {
		c.unaries[prefix+desc.Methods[i].MethodName] = unary{service, desc.Methods[i].Handler}
	}
	for i := range desc.Streams {
		d := &desc.Streams[i]
		info := grpc.StreamServerInfo{FullMethod: prefix + d.StreamName, IsClientStream: d.ClientStreams, IsServerStream: d.ServerStreams}
		c.streams[info.FullMethod] = stream{service, d.Handler, info}
	}
}

// Invoke implements [grpc.ClientConnInterface]. Of the options only [grpc.Header] and
// [grpc.Trailer] have an effect.
func (c *Channel) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	m, ok := c.unaries[method]
	if !ok {
		return status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	transport := &transportStream{method: method}
	ctx = grpc.NewContextWithServerTransportStream(incoming(ctx), transport)
	answer, err := m.handle(m.service, ctx, func(req any) error { return merge(req, args) }, c.unary)
	transport.tell(opts)
	if err != nil {
		return status.Convert(err).Err()
	}
	return deliver(ctx, reply, answer)
}

// incoming makes the context of a server out of that of a client.
func incoming(ctx context.Context) context.Context {
	md, _ := metadata.FromOutgoingContext(ctx)
	ctx = context.WithValue(ctx, channelKey{}, true)
	return metadata.NewIncomingContext(ctx, md)
}

func merge(dst, src any) error {
	d, ok := dst.(proto.Message)
	s, ok2 := src.(proto.Message)
	if !ok || !ok2 {
		return status.Errorf(codes.Internal, "%T is no protobuf message", src)
	}
	proto.Merge(d, s)
	return nil
}

// deliver makes reply the answer: by reference if the caller takes it so, else as if
// it had been sent.
func deliver(ctx context.Context, reply, answer any) error {
	dst, ok := reply.(proto.Message)
	src, ok2 := answer.(proto.Message)
	if !ok || !ok2 {
		return status.Errorf(codes.Internal, "%T is no protobuf message", answer)
	}
	proto.Reset(dst)
	if caller := CallerFrom(ctx); caller != nil && caller.ByReference {
		refer(dst, src)
		return nil
	}
	if err := copyParsed(dst, src); err != nil {
		return status.Error(codes.Internal, fmt.Sprintf("the answer is no %T: %v", reply, err))
	}
	return nil
}
