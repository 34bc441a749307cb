package main

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// tieredPool is a copy of the gateway's buffer pool (server/bufferpool.go, which
// is not exported). The floor and memory peers use it, so that what remains
// between them and the gateway is the gateway's work and not its allocator.
type tieredPool struct {
	tiers [len(tierSizes)]sync.Pool
}

var _ mem.BufferPool = (*tieredPool)(nil)

var tierSizes = [...]int{512, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32<<10 + 64, 64 << 10, 128 << 10, 256<<10 + 512, 1 << 20}

// Get returns a buffer of the given length; its content is left over.
func (p *tieredPool) Get(length int) *[]byte {
	for i, size := range tierSizes {
		if length > size {
			continue
		}
		if buf, ok := p.tiers[i].Get().(*[]byte); ok {
			*buf = (*buf)[:length]
			return buf
		}
		buf := make([]byte, length, size)
		return &buf
	}
	buf := make([]byte, length)
	return &buf
}

// Put takes a buffer back, unless it is of a size that Get does not keep.
func (p *tieredPool) Put(buf *[]byte) {
	for i, size := range tierSizes {
		if cap(*buf) == size {
			p.tiers[i].Put(buf)
			return
		}
	}
}
