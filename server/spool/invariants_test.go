package spool

import "testing"

// check tells whether all that a Pool keeps agrees, while no call is in progress and just
// these pages are out.
func check(t testing.TB, p *Pool, out ...Page) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	refs := map[*buffer]int{}
	for _, page := range out {
		if page.buf != nil {
			refs[page.buf]++
		}
	}
	checkKept(t, p, out)
	slots := map[int64]bool{}
	for l := range p.logs {
		for i, b := range l.blocks {
			checkBlock(t, p, b, refs)
			if b.slot != noSlot {
				if slots[b.slot] || b.slot < 0 || b.slot >= p.slots.made {
					t.Errorf("slot %d of %d is used twice or does not exist", b.slot, p.slots.made)
				}
				slots[b.slot] = true
			}
			if whole := int64(i+1)*BlockSize <= l.size; whole != b.complete || !whole && b.buf == nil {
				t.Errorf("block %d of a log of %d bytes: complete %t, buffer %p", i, l.size, b.complete, b.buf)
			}
		}
	}
	checkMemory(t, p, refs)
	for _, slot := range p.slots.free {
		if slots[slot] {
			t.Errorf("slot %d is free and used", slot)
		}
	}
	if used := int64(len(slots)); used != p.slots.used() || used > p.slots.limit || (used > 0) != (p.file != nil) ||
		used == 0 && p.slots.made > 0 {
		t.Errorf("%d slots used, counted %d, limit %d, file %v", used, p.slots.used(), p.slots.limit, p.file)
	}
}

// checkBlock checks that the block is in the lists where it belongs, and counts its hold.
func checkBlock(t testing.TB, p *Pool, b *block, refs map[*buffer]int) {
	t.Helper()
	var idle, disk *lru
	if b.buf != nil {
		refs[b.buf]++
		if b.buf.block != b {
			t.Error("a buffer is of another block")
		}
		if b.complete && b.buf.refs == 1 {
			idle = &p.idle
		}
	}
	if b.slot != noSlot {
		disk = &p.spilled
		if b.buf != nil {
			disk = &p.doubled
		}
	}
	if b.inMemory.list != idle || b.onDisk.list != disk || b.load != nil || b.gone {
		t.Errorf("a block is in the wrong list: %+v", b)
	}
}

// checkKept checks what counts as kept by Fit.
func checkKept(t testing.TB, p *Pool, out []Page) {
	t.Helper()
	kept := map[*buffer]int{}
	var bytes int64
	for _, page := range out {
		if page.kept {
			kept[page.buf]++
		}
	}
	for buf, n := range kept {
		bytes += buf.size()
		if n != buf.kept {
			t.Errorf("%d pages keep a buffer, counted %d", n, buf.kept)
		}
	}
	if bytes != p.kept {
		t.Errorf("%d bytes are kept, counted %d", bytes, p.kept)
	}
}

// checkMemory checks counts of holds, the sum of bytes, and the bound.
func checkMemory(t testing.TB, p *Pool, refs map[*buffer]int) {
	t.Helper()
	var memory int64
	for buf, n := range refs {
		memory += buf.size()
		if n != buf.refs {
			t.Errorf("a buffer is held %d times, counted %d", n, buf.refs)
		}
	}
	if memory != p.memory || p.leaving != 0 {
		t.Errorf("%d bytes in memory, counted %d, of which %d leave", memory, p.memory, p.leaving)
	}
	if p.memory > p.cfg.Memory && p.idle.first != nil {
		t.Errorf("%d bytes in memory, bound %d, though blocks could leave", p.memory, p.cfg.Memory)
	}
	for _, l := range []*lru{&p.idle, &p.doubled, &p.spilled} {
		var last *link
		for e := l.first; e != nil; e = e.next {
			if e.prev != last || e.list != l {
				t.Error("a list is torn")
			}
			last = e
		}
		if l.last != last {
			t.Error("a list has another end")
		}
	}
}
