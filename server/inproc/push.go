package inproc

import (
	"context"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Push calls a method that answers a stream, and gives each message to take, in the
// goroutine of the caller: the service goes on when take returns, and an error of take
// is what its Send fails with. If the caller takes messages by reference, a message is
// valid until take returns.
func (c *Channel) Push(ctx context.Context, method string, req any, take func(message any) error) error {
	return c.push(ctx, &transportStream{method: method}, req, take)
}

func (c *Channel) push(ctx context.Context, transport *transportStream, req any, take func(any) error) error {
	m, ok := c.streams[transport.method]
	if !ok || m.info.IsClientStream {
		return status.Errorf(codes.Unimplemented, "unknown method %s", transport.method)
	}
	ctx = grpc.NewContextWithServerTransportStream(incoming(ctx), transport)
	s := &serverStream{transportStream: transport, ctx: ctx, req: req, take: take}
	if err := c.stream(m.service, s, &m.info, m.handle); err != nil {
		return status.Convert(err).Err()
	}
	return nil
}

// serverStream is the service's end of a stream of answers to one request.
type serverStream struct {
	*transportStream
	ctx  context.Context //nolint:containedctx // a stream is its context
	req  any             // nil once it was received
	take func(message any) error
}

// Context implements [grpc.ServerStream].
func (s *serverStream) Context() context.Context { return s.ctx }

// SetTrailer implements [grpc.ServerStream].
func (s *serverStream) SetTrailer(md metadata.MD) { _ = s.transportStream.SetTrailer(md) }

// RecvMsg receives the one request.
func (s *serverStream) RecvMsg(m any) error {
	if s.req == nil {
		return io.EOF
	}
	req := s.req
	s.req = nil
	return merge(m, req)
}

// SendMsg hands a message over.
func (s *serverStream) SendMsg(m any) error {
	if err := s.ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	return s.take(m)
}
