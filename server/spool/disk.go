package spool

import (
	"errors"
	"io"
	"os"
)

// file is what a Pool needs of its temporary file.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// openUnlinked makes a temporary file without a name, so that nothing is left when the
// process ends, however it does.
func openUnlinked(dir string) (file, error) {
	f, err := os.CreateTemp(dir, "jobgate-spool-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// slots are the places of BlockSize in the file.
type slots struct {
	limit int64   // how many there may be
	made  int64   // how many there are
	free  []int64 // those of them that are not used
}

func (s *slots) used() int64 { return s.made - int64(len(s.free)) }

// take returns a place that is not used, if there is one.
func (s *slots) take() (int64, bool) {
	if last := len(s.free) - 1; last >= 0 {
		slot := s.free[last]
		s.free = s.free[:last]
		return slot, true
	}
	if s.made == s.limit {
		return noSlot, false
	}
	s.made++
	return s.made - 1, true
}

// give makes a place free. With the last one the file is as new.
func (s *slots) give(slot int64) {
	s.free = append(s.free, slot)
	if s.used() == 0 {
		s.made, s.free = 0, nil
	}
}

// takeSlot returns a place for a block: a free one, else of a block that is in memory as
// well, else of the one that was not used for longest, which is evicted. With the lock.
func (p *Pool) takeSlot() (int64, bool) {
	if slot, ok := p.slots.take(); ok {
		return slot, true
	}
	b := p.doubled.oldest()
	if b == nil {
		if b = p.spilled.oldest(); b == nil {
			return noSlot, false
		}
		p.count.evicted += BlockSize
	}
	slot := b.slot
	b.slot = noSlot
	b.onDisk.leave()
	return slot, true
}

// freeSlot gives back the block's place on disk, if it has one. With the lock.
func (p *Pool) freeSlot(b *block) {
	if b.slot == noSlot {
		return
	}
	b.onDisk.leave()
	p.slots.give(b.slot)
	b.slot = noSlot
}

// write writes a block to its place. Without the lock.
func (p *Pool) write(slot int64, data []byte) error {
	f, err := p.opened()
	if err != nil {
		return err
	}
	n, err := f.WriteAt(data, slot*BlockSize)
	if err == nil && n != len(data) {
		err = io.ErrShortWrite
	}
	return err
}

// opened returns the file, which is made if there is none. It is not closed while a slot
// is used, but with the Pool. Without the lock.
func (p *Pool) opened() (file, error) {
	p.opening.Lock()
	defer p.opening.Unlock()
	p.mu.Lock()
	f, closed := p.file, p.closed
	p.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case f != nil:
		return f, nil
	}
	f, err := p.open(p.cfg.Dir)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.Join(ErrClosed, f.Close())
	}
	p.file = f
	return f, nil
}
