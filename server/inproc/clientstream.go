package inproc

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// NewStream implements [grpc.ClientConnInterface] for methods that answer a stream to
// one request. Messages are copies, whatever the [Caller] says: they may be kept. The
// context must end, or the stream be read to its end, for its resources to be freed.
func (c *Channel) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if m, ok := c.streams[method]; !ok || m.info.IsClientStream {
		return nil, status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	return &clientStream{
		channel: c, ctx: ctx, opts: opts, transport: &transportStream{method: method},
		messages: make(chan proto.Message), begun: make(chan struct{}), ended: make(chan struct{}),
	}, nil
}

// clientStream is the caller's end of a stream.
type clientStream struct {
	channel   *Channel
	ctx       context.Context //nolint:containedctx // a stream is its context
	opts      []grpc.CallOption
	transport *transportStream
	req       any

	messages chan proto.Message
	once     sync.Once
	begun    chan struct{} // closed with the first message, or at the end
	ended    chan struct{} // closed at the end
	err      error         // valid then
}

// SendMsg sends the one request.
func (s *clientStream) SendMsg(m any) error {
	if s.req != nil {
		return status.Error(codes.Internal, "the method takes one request")
	}
	s.req = m
	return nil
}

// CloseSend begins the call.
func (s *clientStream) CloseSend() error {
	if s.req == nil {
		return status.Error(codes.Internal, "the method takes a request")
	}
	go s.run()
	return nil
}

func (s *clientStream) run() {
	s.err = s.channel.push(s.ctx, s.transport, s.req, func(m any) error {
		answer, ok := m.(proto.Message)
		if !ok {
			return status.Errorf(codes.Internal, "%T is no protobuf message", m)
		}
		s.once.Do(func() { close(s.begun) })
		select {
		case s.messages <- proto.Clone(answer):
			return nil
		case <-s.ctx.Done():
			return status.FromContextError(s.ctx.Err()).Err()
		}
	})
	s.once.Do(func() { close(s.begun) })
	close(s.ended)
}

// RecvMsg receives the next message, or the end as [io.EOF].
func (s *clientStream) RecvMsg(m any) error {
	select {
	case answer := <-s.messages:
		dst, ok := m.(proto.Message)
		if !ok {
			return status.Errorf(codes.Internal, "%T is no protobuf message", m)
		}
		proto.Reset(dst)
		return copyParsed(dst, answer)
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	case <-s.ended:
		s.transport.tell(s.opts)
		if s.err == nil {
			return io.EOF
		}
		return s.err
	}
}

// Header waits for the header.
func (s *clientStream) Header() (metadata.MD, error) {
	select {
	case <-s.begun:
	case <-s.ctx.Done():
		return nil, status.FromContextError(s.ctx.Err()).Err()
	}
	s.transport.mu.Lock()
	defer s.transport.mu.Unlock()
	return s.transport.header, nil
}

// Trailer is valid once RecvMsg has returned an error.
func (s *clientStream) Trailer() metadata.MD {
	s.transport.mu.Lock()
	defer s.transport.mu.Unlock()
	return s.transport.trailer
}

// Context implements [grpc.ClientStream].
func (s *clientStream) Context() context.Context { return s.ctx }
