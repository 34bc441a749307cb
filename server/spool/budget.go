package spool

import "log/slog"

// trim brings memory under its bound, or as near as what has to stay there allows: the
// blocks that were not used for longest leave. With the lock, but without it while a
// block is written to disk.
func (p *Pool) trim() {
	for p.memory-p.leaving > p.cfg.Memory {
		b := p.idle.oldest()
		if b == nil {
			return
		}
		p.leave(b)
	}
}

// leave takes an idle block out of memory: to disk if there is room. With the lock, but
// without it while the block is written.
func (p *Pool) leave(b *block) {
	if b.slot != noSlot {
		p.spilled.add(&b.onDisk)
		p.detach(b)
		return
	}
	slot, ok := p.takeSlot()
	if !ok {
		p.evict(b)
		return
	}
	buf := p.hold(b)
	p.leaving += buf.size()
	p.mu.Unlock()
	err := p.write(slot, buf.bytes)
	p.mu.Lock()
	p.leaving -= buf.size()
	p.written(b, slot, err)
	p.drop(buf)
}

// written notes what came of writing a block, which is held once for that. If a Page
// holds it by now, it stays in memory as well. With the lock.
func (p *Pool) written(b *block, slot int64, err error) {
	switch {
	case b.gone:
		p.slots.give(slot)
		return
	case err != nil:
		p.slots.give(slot)
		p.failed(err)
		if b.buf.refs == 2 {
			p.evict(b)
		}
		return
	}
	p.count.spilled++
	b.slot = slot
	if b.buf.refs > 2 {
		p.doubled.add(&b.onDisk)
		return
	}
	p.spilled.add(&b.onDisk)
	p.detach(b)
}

// evict gives up what is held of the block, in memory and on disk. With the lock.
func (p *Pool) evict(b *block) {
	p.detach(b)
	p.freeSlot(b)
	p.count.evicted += BlockSize
}

// failed counts a failure of the disk, and logs it unless it is one of many. With the lock.
func (p *Pool) failed(err error) {
	p.count.failures++
	p.count.failure = err
	if n := p.count.failures; n&(n-1) == 0 {
		p.cfg.Log.Warn("the disk for logs fails: they are kept in memory, or read from GitLab again",
			slog.Any("error", err), slog.Int64("failures", n))
	}
}
