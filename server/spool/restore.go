package spool

import (
	"errors"
	"fmt"
)

// ErrDiffers is returned for bytes that are not those that the log had there. Readers
// never see two versions of a byte.
var ErrDiffers = errors.New("spool: not the bytes that were there")

// RestorePage puts back the bytes of the evicted block where offset is, whole, as a copy,
// and does Page, in one step: the block cannot be evicted in between, however little room
// there is. If they differ in length or, by their CRC-64, in content, the error is
// ErrDiffers; if there is no complete block at offset, ErrBeyond. A block that is held
// stays as it is.
func (l *Log) RestorePage(offset int64, data []byte) (Page, error) {
	p := l.pool
	b, err := l.whole(offset)
	if err != nil {
		return Page{}, err
	}
	start := offset / BlockSize * BlockSize
	if !b.has(data) {
		return Page{}, fmt.Errorf("%w: block %d, %d bytes", ErrDiffers, start/BlockSize, len(data))
	}
	p.mu.Lock()
	defer p.unlock()
	buf := p.reach(b)
	if buf == nil && !b.gone {
		buf = p.refill(b, data)
	}
	if buf == nil {
		return Page{}, ErrClosed
	}
	return newPage(buf, offset, start+BlockSize), nil
}

// refill gives an evicted block its bytes, unless somebody else does, and returns the
// buffer where it is, held; nil if the log was closed. With the lock, but without it
// while bytes are copied or come from disk.
func (p *Pool) refill(b *block, data []byte) *buffer {
	p.mu.Unlock()
	fresh := p.lend(BlockSize)
	copy(fresh.bytes, data)
	p.mu.Lock()
	buf := p.reach(b)
	if buf == nil && !b.gone {
		p.attach(b, fresh)
		buf = p.hold(b)
	}
	p.drop(fresh)
	p.trim()
	return buf
}

// whole returns the complete block where offset is.
func (l *Log) whole(offset int64) (*block, error) {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case offset < 0 || offset >= l.size/BlockSize*BlockSize:
		return nil, ErrBeyond
	}
	return l.blocks[offset/BlockSize], nil
}
