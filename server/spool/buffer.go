package spool

import (
	"math/bits"
	"sync"
)

// Buffers are of powers of two, from smallestBuffer to BlockSize, so that a thousand
// small logs do not cost a block each.
const (
	smallestBuffer = 4 << 10
	bufferClasses  = 7
)

// buffer is memory that a block is in, now or formerly. A block's buffer that became too
// small is replaced, and lives on while a Page holds it.
type buffer struct {
	pool  *Pool
	bytes []byte
	refs  int    // one of its block, one of each Page, one of each call that uses it
	block *block // the block whose bytes it is now, or nil
	kept  int    // how many Pages keep it by Fit

	abandoned bool // whether somebody who is no longer counted may read it
}

func (b *buffer) size() int64 { return int64(len(b.bytes)) }

// buffers is memory to use again, by size. What it keeps counts nowhere, and is left to
// the collector.
type buffers [bufferClasses]sync.Pool

// get returns a buffer of at least that many bytes, at most BlockSize, whose content is
// undefined.
func (b *buffers) get(size int) *buffer {
	class := bufferClass(size)
	if buf, ok := b[class].Get().(*buffer); ok {
		return buf
	}
	return &buffer{bytes: make([]byte, smallestBuffer<<class)}
}

// put takes a buffer back, unless somebody may still read it.
func (b *buffers) put(buf *buffer) {
	buf.block = nil
	if buf.abandoned {
		return
	}
	b[bufferClass(len(buf.bytes))].Put(buf)
}

func bufferClass(size int) int {
	return bits.Len(uint(max(size, smallestBuffer)-1)) - bits.Len(uint(smallestBuffer-1))
}

// lend returns a buffer of at least that many bytes, which the caller holds. Without the
// lock, since memory may have to be made and cleared.
func (p *Pool) lend(size int) *buffer {
	buf := p.buffers.get(size)
	buf.pool, buf.refs = p, 1
	p.mu.Lock()
	p.memory += buf.size()
	p.most = max(p.most, p.memory)
	p.mu.Unlock()
	return buf
}
