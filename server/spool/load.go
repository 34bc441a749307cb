package spool

import "errors"

// load is the reading of a block from disk, which all who want it at that time share.
type load struct {
	done    chan struct{} // closed when it is over
	waiters int
	buf     *buffer // held for each waiter; nil if nothing came of it
}

var errDamaged = errors.New("spool: the disk returned other bytes than were written")

// await returns what a load brings, held. With the lock, but without it meanwhile.
func (p *Pool) await(ld *load) *buffer {
	ld.waiters++
	p.mu.Unlock()
	<-ld.done
	p.mu.Lock()
	return ld.buf
}

// read brings a block from disk back to memory and returns it, held; nil if the disk
// failed, so that the block is evicted now, or if the log was closed. Its place on disk
// stays the block's, so that it need not be written again. With the lock, but without it
// while the disk is read.
func (p *Pool) read(b *block) *buffer {
	ld := &load{done: make(chan struct{})}
	b.load = ld
	b.onDisk.leave()
	f, slot := p.file, b.slot
	p.mu.Unlock()
	buf := p.lend(BlockSize)
	n, err := f.ReadAt(buf.bytes, slot*BlockSize)
	if n == BlockSize {
		err = nil
	}
	if err == nil && !b.has(buf.bytes[:n]) {
		err = errDamaged
	}
	p.mu.Lock()
	b.load = nil
	p.loaded(b, ld, buf, err)
	p.drop(buf)
	p.trim()
	return ld.buf
}

// readPart brings a part of a block that begins and ends at a mark from disk, held; nil
// if that failed as in read. Whoever comes for the block meanwhile waits. With the lock, but
// without it while the disk is read.
func (p *Pool) readPart(b *block, from, to int) *buffer {
	ld := &load{done: make(chan struct{})}
	b.load = ld
	b.onDisk.leave()
	f, slot := p.file, b.slot
	p.mu.Unlock()
	buf := p.lend(to - from)
	data := buf.bytes[:to-from]
	n, err := f.ReadAt(data, slot*BlockSize+int64(from))
	if n == len(data) {
		err = nil
	}
	if err == nil && !b.hasPart(from, data) {
		err = errDamaged
	}
	p.mu.Lock()
	b.load = nil
	close(ld.done)
	switch {
	case b.gone:
		p.freeSlot(b)
	case err != nil:
		p.failed(err)
		p.evict(b)
	default:
		p.spilled.add(&b.onDisk)
		p.trim()
		return buf
	}
	p.drop(buf)
	return nil
}

// loaded notes what came of reading a block into a buffer. With the lock.
func (p *Pool) loaded(b *block, ld *load, buf *buffer, err error) {
	switch {
	case b.gone:
		p.freeSlot(b)
	case err != nil:
		p.failed(err)
		p.evict(b)
	default:
		p.attach(b, buf)
		buf.refs += 1 + ld.waiters
		p.doubled.add(&b.onDisk)
		ld.buf = buf
	}
	close(ld.done)
}
