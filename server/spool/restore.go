package spool

import (
	"errors"
	"fmt"
)

// ErrDiffers is returned for bytes that are not those that the log had there. Readers
// never see two versions of a byte.
var ErrDiffers = errors.New("spool: not the bytes that were there")

// Restore puts back the bytes of an evicted block, whole, as a copy. If they differ in
// length or, by their CRC-64, in content, the error is ErrDiffers; if there is no complete
// block of that number, ErrBeyond. A block that is held stays as it is.
//
// Without room the block may be evicted again before anybody reads it: a reader who
// restores what it needs itself calls RestorePage.
func (l *Log) Restore(block int64, data []byte) error {
	buf, err := l.restore(block, data)
	if buf != nil {
		Page{buf: buf}.Release()
	}
	return err
}

// RestorePage does Restore of the block where offset is, and Page, in one step: the block
// cannot be evicted in between, however little room there is.
func (l *Log) RestorePage(offset int64, data []byte) (Page, error) {
	if offset < 0 {
		return Page{}, ErrBeyond
	}
	buf, err := l.restore(offset/BlockSize, data)
	if err != nil {
		return Page{}, err
	}
	start := offset / BlockSize * BlockSize
	return newPage(buf, offset, start+BlockSize), nil
}

// restore puts the bytes back if they are evicted, and returns the buffer where the block
// is, held.
func (l *Log) restore(block int64, data []byte) (*buffer, error) {
	p := l.pool
	b, err := l.whole(block)
	if err != nil {
		return nil, err
	}
	if !b.has(data) {
		return nil, fmt.Errorf("%w: block %d, %d bytes", ErrDiffers, block, len(data))
	}
	p.mu.Lock()
	defer p.unlock()
	buf := p.reach(b)
	if buf == nil && !b.gone {
		buf = p.refill(b, data)
	}
	if buf == nil {
		return nil, ErrClosed
	}
	return buf, nil
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

// whole returns the complete block of that number.
func (l *Log) whole(block int64) (*block, error) {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case block < 0 || block >= l.size/BlockSize:
		return nil, ErrBeyond
	}
	return l.blocks[block], nil
}
