package server

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// bufferPool is gRPC's memory for messages. It differs from grpc-go's own in two
// ways that a profile shows: it has tiers between 32 KiB and 1 MiB, where lists and
// chunks of logs are (a message just beyond 32 KiB would take a whole megabyte),
// and it does not clear what it hands out, since every byte is written over.
type bufferPool struct {
	tiers [len(tierSizes)]sync.Pool
}

var _ mem.BufferPool = (*bufferPool)(nil)

// tierSizes ascend; a chunk of a log and its framing fit the last but one.
var tierSizes = [...]int{512, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32<<10 + 64, 64 << 10, 128 << 10, 256<<10 + 512, 1 << 20}

// Get returns a buffer of that length; beyond the last tier, one of its own.
func (p *bufferPool) Get(length int) *[]byte {
	for i, size := range tierSizes {
		if length <= size {
			if b, ok := p.tiers[i].Get().(*[]byte); ok {
				*b = (*b)[:length]
				return b
			}
			b := make([]byte, length, size)
			return &b
		}
	}
	b := make([]byte, length)
	return &b
}

// Put takes a buffer back if it has the size of a tier.
func (p *bufferPool) Put(b *[]byte) {
	for i, size := range tierSizes {
		if cap(*b) == size {
			p.tiers[i].Put(b)
			return
		}
	}
}
