package spool

// Pace is how fast the holder of a Page has given back those before.
type Pace int

// Paces of holders.
const (
	Unknown Pace = iota // none, or there is doubt
	Quick
	Slow
)

// Parts of a block that a Page holds when it is not to hold all of it.
const (
	smallPart  = 16 << 10
	mediumPart = 64 << 10
)

// Take is Page for one who may hold the Page for long. Blocks that many hold, each another
// one, would be all there is room for, so beyond some the Page is a copy of the first bytes
// only, and the block is not held: the fewer bytes, the less room there is and the slower
// the holder. It is the whole block where that would be lost otherwise, and have to be
// restored for every part.
func (l *Log) Take(offset int64, pace Pace) (Page, error) {
	page, ok := l.fromDisk(offset, pace)
	if ok {
		return page, nil
	}
	page, err := l.Page(offset)
	return page.Fit(pace), err
}

// Fit makes a Page what Take would return. The Page that it is called of must not be used
// any more.
func (p Page) Fit(pace Pace) Page {
	if p.buf == nil || p.kept {
		return p
	}
	pool := p.buf.pool
	pool.mu.Lock()
	n := pool.part(p.buf.block, p.buf, pace)
	if n >= len(p.Data) {
		pool.keep(p.buf)
		pool.unlock()
		p.kept = true
		return p
	}
	pool.mu.Unlock()
	fresh := pool.lend(n)
	copy(fresh.bytes, p.Data[:n])
	pool.mu.Lock()
	pool.drop(p.buf)
	page := pool.copied(fresh, 0, n)
	pool.trim()
	pool.unlock()
	return page
}

// Copied says whether the Page is not where the bytes of the log are, but a copy.
func (p Page) Copied() bool { return p.copied }

// copied is the Page of a part that is in a buffer of its own, held. With the lock.
func (p *Pool) copied(buf *buffer, from, to int) Page {
	p.keep(buf)
	return Page{Data: buf.bytes[from:to:to], buf: buf, kept: true, copied: true}
}

// part is how many bytes of a block a Page may keep; buf is nil if they are on disk only.
// What others keep already takes no more room. With the lock.
func (p *Pool) part(b *block, buf *buffer, pace Pace) int {
	bound := p.cfg.Memory
	room := func(size, eighths int64) bool { return p.kept+size <= bound/8*eighths }
	switch {
	case (b == nil || b.slot == noSlot) && p.slots.used() == p.slots.limit,
		buf != nil && buf.kept > 0 && (pace != Slow && room(0, 8) || room(0, 2)),
		room(BlockSize, 1),
		pace == Quick && room(BlockSize, 6):
		return BlockSize
	case pace == Unknown && room(mediumPart, 4),
		pace == Quick && room(mediumPart, 8):
		return mediumPart
	}
	return smallPart
}

// keep and unkeep count the Pages that keep a buffer. With the lock.
func (p *Pool) keep(buf *buffer) {
	if buf.kept == 0 {
		p.kept += buf.size()
	}
	buf.kept++
}

func (p *Pool) unkeep(buf *buffer) {
	buf.kept--
	if buf.kept == 0 {
		p.kept -= buf.size()
	}
}

// fromDisk reads a part of a block that is on disk only, if no more of it is to be kept.
func (l *Log) fromDisk(offset int64, pace Pace) (page Page, ok bool) {
	p := l.pool
	p.mu.Lock()
	defer p.unlock()
	if l.closed || offset < 0 || offset >= l.size {
		return Page{}, false
	}
	b := l.blocks[offset/BlockSize]
	if b.buf != nil || b.load != nil || b.slot == noSlot {
		return Page{}, false
	}
	n := p.part(b, nil, pace)
	if n == BlockSize {
		return Page{}, false
	}
	start := int(offset % BlockSize)
	from := start / markSize * markSize
	buf := p.readPart(b, from, min(from+n, BlockSize))
	if buf == nil {
		return Page{}, false
	}
	return p.copied(buf, start-from, min(n, BlockSize-from)), true
}
