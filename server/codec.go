package server

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// codec is gRPC's protobuf codec with two differences: it takes its memory from the
// server's pool, and the wire bytes of a wire-backed message are sent as they are,
// without a copy. What it sends any protobuf client decodes.
type codec struct{ pool mem.BufferPool }

var _ encoding.CodecV2 = codec{}

// Name is that of protobuf: the content type stays application/grpc+proto.
func (codec) Name() string { return "proto" }

// Marshal gives gRPC the wire form of v. The bytes of a wire-backed message must not
// change any more.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, err := protoMessage(v)
	if err != nil {
		return nil, err
	}
	r := m.ProtoReflect()
	wire := r.GetUnknown()
	switch {
	case mem.IsBelowBufferPoolingThreshold(len(wire)):
		return c.marshal(m)
	case proto.Size(m) == len(wire):
		return mem.BufferSlice{mem.SliceBuffer(wire)}, nil
	}
	data, err := c.marshal(typed(r))
	return append(data, mem.SliceBuffer(wire)), err
}

// typed is a message of those fields of r that are set: of a page, say, whose entries
// are wire bytes and whose next token is not.
func typed(r protoreflect.Message) proto.Message {
	head := r.New()
	r.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		head.Set(fd, v)
		return true
	})
	return head.Interface()
}

func (c codec) marshal(m proto.Message) (mem.BufferSlice, error) {
	size := proto.Size(m)
	if mem.IsBelowBufferPoolingThreshold(size) {
		data, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(data)}, err
	}
	buf := c.pool.Get(size)
	data, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend((*buf)[:0], m)
	if err != nil {
		c.pool.Put(buf)
		return nil, err
	}
	*buf = data
	return mem.BufferSlice{mem.NewBuffer(buf, c.pool)}, nil
}

// Unmarshal reads a request.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, err := protoMessage(v)
	if err != nil {
		return err
	}
	buf := data.MaterializeToBuffer(c.pool)
	defer buf.Free()
	return proto.Unmarshal(buf.ReadOnlyData(), m)
}

func protoMessage(v any) (proto.Message, error) {
	switch v := v.(type) {
	case proto.Message:
		return v, nil
	case protoadapt.MessageV1:
		return protoadapt.MessageV2Of(v), nil
	}
	return nil, fmt.Errorf("%T is no protobuf message", v)
}
