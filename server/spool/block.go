package spool

import "github.com/minio/crc64nvme"

// block is BlockSize bytes of a log, or the fewer at its end. Once it is complete, its
// bytes never change. It is in memory, on disk, in both, or in neither: evicted.
type block struct {
	buf  *buffer // its bytes in memory, or nil
	slot int64   // its place on disk, or noSlot
	load *load   // not nil while it is read from disk

	complete bool
	gone     bool // the log was closed: whoever still uses the slot gives it back
	before   uint64
	after    uint64 // CRC-64/NVME of the log up to the block and, if complete, with it
	marks    marks  // if complete

	inMemory link // in Pool.idle
	onDisk   link // in Pool.doubled or Pool.spilled, unless the slot is being read
}

const noSlot = -1

func newBlock(before uint64) *block {
	b := &block{slot: noSlot, before: before}
	b.inMemory.block = b
	b.onDisk.block = b
	return b
}

// has says whether those are the bytes of the complete block.
func (b *block) has(data []byte) bool {
	return len(data) == BlockSize && crc64nvme.Update(b.before, data) == b.after
}

// markSize is how far marks are apart, marks are the CRC-64/NVME of the log up to each
// within a block but for the first, which is where the block begins.
const markSize = 16 << 10

type marks [BlockSize/markSize - 1]uint64

// hasPart says whether those are the bytes of the complete block between two marks.
func (b *block) hasPart(from int, data []byte) bool {
	return crc64nvme.Update(b.digest(from), data) == b.digest(from+len(data))
}

// digest is the CRC-64/NVME of the log up to a mark of the complete block.
func (b *block) digest(mark int) uint64 {
	switch mark {
	case 0:
		return b.before
	case BlockSize:
		return b.after
	}
	return b.marks[mark/markSize-1]
}

// attach makes a buffer the memory of the block, in place of the one it had. Whoever
// calls holds the buffer. With the lock.
func (p *Pool) attach(b *block, buf *buffer) {
	p.detach(b)
	buf.refs++
	b.buf, buf.block = buf, b
}

// detach takes the block's memory away; pages that hold it keep it. With the lock.
func (p *Pool) detach(b *block) {
	buf := b.buf
	if buf == nil {
		return
	}
	b.inMemory.leave()
	b.buf, buf.block = nil, nil
	p.drop(buf)
}

// hold keeps the block in memory, where it is, until its buffer is dropped. With the lock.
func (p *Pool) hold(b *block) *buffer {
	b.inMemory.leave()
	b.buf.refs++
	return b.buf
}

// drop ends a hold of a buffer. With the last one its memory is free; if only the block
// itself is left, it can leave memory. With the lock.
func (p *Pool) drop(buf *buffer) {
	buf.refs--
	switch b := buf.block; {
	case buf.refs == 0:
		p.memory -= buf.size()
		p.buffers.put(buf)
	case buf.refs == 1 && b != nil && b.complete:
		p.idle.add(&b.inMemory)
	}
}
