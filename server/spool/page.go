package spool

import (
	"errors"
	"fmt"
)

// Errors of reading.
var (
	// ErrBeyond is returned for a place that is not in the log: behind its end, or negative.
	ErrBeyond = errors.New("spool: beyond the log")
	// ErrEvicted is returned for bytes that are held no longer, as an *EvictedError.
	ErrEvicted = errors.New("spool: evicted")
)

// EvictedError says which bytes are held no longer. It wraps ErrEvicted.
type EvictedError struct {
	Block      int64 // the number of the block, as Restore takes it
	Start, End int64 // the offsets of its first byte and behind its last
}

func (e *EvictedError) Error() string {
	return fmt.Sprintf("spool: bytes %d to %d are evicted", e.Start, e.End)
}

// Unwrap makes it an ErrEvicted.
func (e *EvictedError) Unwrap() error { return ErrEvicted }

func evicted(block int64) error {
	return &EvictedError{block, block * BlockSize, (block + 1) * BlockSize}
}

// Page is bytes of a log, held where they are: they are not copied, and stay while the
// Page is out. The memory that it holds cannot be used for anything else.
type Page struct {
	// Data is to be read only.
	Data []byte
	buf  *buffer

	kept   bool // by Fit
	copied bool
}

// Release gives the Page back. It must be called once; afterwards Data must not be used.
// If memory was over its bound because of the Page, Release makes room. Of an empty Page
// it does nothing.
func (p Page) Release() { p.end(false) }

// Abandon is Release of a Page that somebody may still be reading, nobody knows how long:
// its memory counts no more and is left to the collector.
func (p Page) Abandon() { p.end(true) }

func (p Page) end(abandon bool) {
	if p.buf == nil {
		return
	}
	pool := p.buf.pool
	pool.mu.Lock()
	p.buf.abandoned = p.buf.abandoned || abandon
	if p.kept {
		pool.unkeep(p.buf)
	}
	pool.drop(p.buf)
	pool.trim()
	pool.unlock()
}

// Page returns the bytes from offset to the end of their block or of the log, whichever
// is first; at the end of the log, an empty Page. It may read a block from disk, and
// write another one to make room. Errors are *EvictedError, ErrBeyond and ErrClosed.
func (l *Log) Page(offset int64) (Page, error) {
	p := l.pool
	p.mu.Lock()
	defer p.unlock()
	switch {
	case l.closed:
		return Page{}, ErrClosed
	case offset < 0 || offset > l.size:
		return Page{}, ErrBeyond
	case offset == l.size:
		return Page{}, nil
	}
	b, size := l.blocks[offset/BlockSize], l.size
	buf := p.reach(b)
	switch {
	case buf != nil:
		return newPage(buf, offset, size), nil
	case b.gone:
		return Page{}, ErrClosed
	}
	return Page{}, evicted(offset / BlockSize)
}

// newPage is the Page from offset on of the block in that buffer, of a log of that size.
// It takes over the caller's hold of the buffer.
func newPage(buf *buffer, offset, size int64) Page {
	start := offset / BlockSize * BlockSize
	end := min(size-start, BlockSize)
	return Page{Data: buf.bytes[offset-start : end : end], buf: buf}
}

// reach returns the block's bytes, held; nil if they are held no longer or the log was
// closed. With the lock, but without it while they come from disk.
func (p *Pool) reach(b *block) *buffer {
	for {
		var buf *buffer
		switch {
		case b.buf != nil:
			return p.hold(b)
		case b.load != nil:
			buf = p.await(b.load)
		case b.slot != noSlot:
			buf = p.read(b)
		default:
			return nil
		}
		if buf != nil {
			return buf
		}
	}
}
