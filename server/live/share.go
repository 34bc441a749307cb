package live

import (
	"sync"

	"github.com/jobgate/jobgate/server/spool"
)

// Piece is a chunk of a log as all of its readers get it, and what stands before its end.
type Piece struct {
	Offset int64
	Data   []byte
	Before []byte // up to 1 KiB before the end of Data
	CRC    uint64 // CRC-64/NVME of the log up to the end of Data
	Known  bool   // whether CRC is
}

// Bounds of what is shared of one log.
const (
	manyReaders = 8       // from so many on it is worth it
	sharedBytes = 8 << 20 // of the data of all pieces
)

// pieces are the forms that were made of chunks, the latest ones. The log's lock guards it.
type pieces struct {
	of    map[start]*form
	order []start
	bytes int
}

// start is where a piece begins.
type start struct {
	bytes  *spool.Log
	offset int64
}

// form is what was made of a piece, once.
type form struct {
	once  sync.Once
	size  int
	value any
}

// get finds or makes the form of a piece.
func (p *pieces) get(at start, size int) *form {
	if f := p.of[at]; f != nil && f.size == size {
		return f
	}
	if p.of == nil {
		p.of = map[start]*form{}
	}
	for len(p.order) > 0 && p.bytes+size > sharedBytes {
		p.drop(p.order[0])
	}
	p.drop(at)
	f := &form{size: size}
	p.of[at] = f
	p.order = append(p.order, at)
	p.bytes += size
	return f
}

func (p *pieces) drop(at start) {
	f := p.of[at]
	if f == nil {
		return
	}
	delete(p.of, at)
	p.bytes -= f.size
	for i := range p.order {
		if p.order[i] == at {
			p.order = append(p.order[:i], p.order[i+1:]...)
			return
		}
	}
}

// Shared returns what one of the readers who were told the same chunk has made of it, and
// lets this one make it if it is the first. It is for the chunk that Next has returned
// last. Nil is returned if there are few readers, if they are at different places, or if
// the log was rewritten meanwhile.
// What build returns is used by others at the same time and must not be changed; it must
// hold nothing of the Piece.
func (r *Reader) Shared(build func(Piece) any) any {
	l, data := r.log, r.page.Data
	begin := r.offset - int64(len(data))
	l.mu.Lock()
	if l.readers < manyReaders || l.generation != r.generation || len(data) == 0 || r.page.Copied() {
		l.mu.Unlock()
		return nil
	}
	f := l.pieces.get(start{l.bytes, begin}, len(data))
	base, bytes := l.base, l.bytes
	l.mu.Unlock()
	f.once.Do(func() {
		if p, ok := piece(bytes, base, begin, data); ok {
			f.value = build(p)
		}
	})
	return f.value
}

func piece(bytes *spool.Log, base, begin int64, data []byte) (p Piece, ok bool) {
	end := begin - base + int64(len(data))
	p = Piece{Offset: begin, Data: data}
	if p.Before, ok = bytes.Tail(end, overlap); !ok {
		return p, false
	}
	if base == 0 {
		p.CRC, p.Known = bytes.Digest(end)
		ok = p.Known
	}
	return p, ok
}
