package inproc

import (
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// transportStream is where services put header and trailer of a call.
type transportStream struct {
	method string

	mu              sync.Mutex
	header, trailer metadata.MD
}

// Method implements [grpc.ServerTransportStream].
func (t *transportStream) Method() string { return t.method }

// SetHeader implements [grpc.ServerTransportStream].
func (t *transportStream) SetHeader(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.header = join(t.header, md)
	return nil
}

// SendHeader implements [grpc.ServerTransportStream].
func (t *transportStream) SendHeader(md metadata.MD) error { return t.SetHeader(md) }

// SetTrailer implements [grpc.ServerTransportStream].
func (t *transportStream) SetTrailer(md metadata.MD) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trailer = join(t.trailer, md)
	return nil
}

func join(have, more metadata.MD) metadata.MD {
	if have == nil {
		return more
	}
	return metadata.Join(have, more)
}

// tell fills in the options that ask for header and trailer.
func (t *transportStream) tell(opts []grpc.CallOption) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, opt := range opts {
		switch opt := opt.(type) {
		case grpc.HeaderCallOption:
			*opt.HeaderAddr = t.header
		case grpc.TrailerCallOption:
			*opt.TrailerAddr = t.trailer
		}
	}
}
