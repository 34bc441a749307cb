package main

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// frame is a message as bytes. A frame that is received calls visit or view,
// if set, view with bytes that are valid during the call only; else it just counts them.
// view gets them where they are, in pieces.
type frame struct {
	data  []byte
	size  int
	visit func([]byte) error
	view  func(mem.BufferSlice) error
}

// relay is a message to be sent as it is; it is freed once it is written.
type relay struct{ buf mem.Buffer }

// rawCodec passes messages through as bytes. It names itself proto, as what it
// carries is not for the transport to know.
type rawCodec struct{ pool mem.BufferPool }

// Marshal hands over the bytes of a frame or relay.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	switch v := v.(type) {
	case *frame:
		return mem.BufferSlice{mem.SliceBuffer(v.data)}, nil
	case *relay:
		return mem.BufferSlice{v.buf}, nil
	}
	return nil, fmt.Errorf("raw codec: %T", v)
}

// Unmarshal gives the bytes to a frame.
func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("raw codec: %T", v)
	}
	f.size = data.Len()
	if f.view != nil {
		return f.view(data)
	}
	if f.visit == nil {
		return nil
	}
	whole := data.MaterializeToBuffer(c.pool)
	defer whole.Free()
	return f.visit(whole.ReadOnlyData())
}

// Name is the name of the codec that it stands in for.
func (rawCodec) Name() string { return "proto" }
