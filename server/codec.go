package server

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jobgate/jobgate/upstream"
)

// codec is gRPC's protobuf codec with two differences: it takes its memory from the
// server's pool, and the wire bytes of a wire-backed message are sent as they are,
// without a copy. What it sends any protobuf client decodes.
type codec struct{ pool mem.BufferPool }

var _ encoding.CodecV2 = codec{}

// Name is that of protobuf: the content type stays application/grpc+proto.
func (codec) Name() string { return "proto" }

// leased is an answer that nobody but gRPC holds any more: once it is sent, the memory
// of its wire bytes is given back.
type leased struct {
	proto.Message
	lease *upstream.Lease
}

// Marshal gives gRPC the wire form of v. The bytes of a wire-backed message must not
// change any more.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if s, ok := v.(*sending); ok {
		return s.wire(), nil
	}
	m, lease, err := protoMessage(v)
	if err != nil {
		return nil, err
	}
	r := m.ProtoReflect()
	wire := []byte(r.GetUnknown())
	if mem.IsBelowBufferPoolingThreshold(len(wire)) {
		defer lease.Release()
		return c.marshal(m)
	}
	var data mem.BufferSlice
	if proto.Size(m) != len(wire) {
		if data, err = c.marshal(typed(r)); err != nil {
			return nil, err
		}
	}
	if lease == nil {
		return append(data, mem.SliceBuffer(wire)), nil
	}
	return append(data, mem.NewBuffer(&wire, leasePool{lease})), nil
}

// leasePool gives a lease back when gRPC gives its buffer back.
type leasePool struct{ *upstream.Lease }

func (leasePool) Get(length int) *[]byte { return new(make([]byte, length)) }

func (l leasePool) Put(*[]byte) { l.Release() }

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
	m, _, err := protoMessage(v)
	if err != nil {
		return err
	}
	buf := data.MaterializeToBuffer(c.pool)
	defer buf.Free()
	return proto.Unmarshal(buf.ReadOnlyData(), m)
}

func protoMessage(v any) (proto.Message, *upstream.Lease, error) {
	switch v := v.(type) {
	case leased:
		return v.Message, v.lease, nil
	case proto.Message:
		return v, nil, nil
	case protoadapt.MessageV1:
		return protoadapt.MessageV2Of(v), nil, nil
	}
	return nil, nil, fmt.Errorf("%T is no protobuf message", v)
}
