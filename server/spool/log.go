package spool

import (
	"sync"

	"github.com/minio/crc64nvme"
)

// Log is the bytes of one log from byte 0 on, appended by one writer, read by many
// readers. It is safe for concurrent use; what several writers append lands in some order.
type Log struct {
	pool    *Pool
	writing sync.Mutex // held by the writer
	marks   marks      // of the last block, as far as it reaches; the writer's

	// Changed with both locks, so that the writer may read them with its own alone.
	size int64
	crc  uint64 // CRC-64/NVME of all bytes

	blocks []*block // guarded by the lock of the Pool, as is
	closed bool
}

// Size is how many bytes were appended.
func (l *Log) Size() int64 {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return l.size
}

// Append puts a copy of data at the end of the log. It waits for no reader; if memory is
// full, it may write a block to disk. The only error is ErrClosed; part of the data may
// be in the log then.
func (l *Log) Append(data []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	for len(data) > 0 {
		part := data[:min(len(data), BlockSize-l.used())]
		buf, err := l.room(len(part))
		if err != nil {
			return err
		}
		copy(buf.bytes[l.used():], part)
		if err := l.publish(buf, len(part), l.digest(part)); err != nil {
			return err
		}
		data = data[len(part):]
	}
	return nil
}

// digest is the digest with part behind the end, which is in the same block.
func (l *Log) digest(part []byte) uint64 {
	crc := l.crc
	for at := l.used(); len(part) > 0; {
		n := min(markSize-at%markSize, len(part))
		crc = crc64nvme.Update(crc, part[:n])
		part, at = part[n:], at+n
		if at%markSize == 0 && at < BlockSize {
			l.marks[at/markSize-1] = crc
		}
	}
	return crc
}

// used is how many bytes are in the last block, 0 if that is complete.
func (l *Log) used() int { return int(l.size % BlockSize) }

// room returns a buffer that begins with the bytes of the last, incomplete block and has
// room for n more. The caller holds it. It may be the block's own: nobody reads behind
// its bytes.
func (l *Log) room(n int) (*buffer, error) {
	p, used := l.pool, l.used()
	p.mu.Lock()
	if l.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	var last *buffer
	if used > 0 {
		last = p.hold(l.blocks[len(l.blocks)-1])
	}
	p.mu.Unlock()
	if last == nil {
		return p.lend(n), nil
	}
	if used+n <= len(last.bytes) {
		return last, nil
	}
	grown := p.lend(used + n)
	copy(grown.bytes, last.bytes[:used])
	p.mu.Lock()
	p.drop(last)
	p.mu.Unlock()
	return grown, nil
}

// publish makes n bytes behind the end, which are in the buffer from room, part of the
// log, and gives the buffer back.
func (l *Log) publish(buf *buffer, n int, crc uint64) error {
	p := l.pool
	p.mu.Lock()
	defer p.unlock()
	if l.closed {
		p.drop(buf)
		return ErrClosed
	}
	if l.used() == 0 {
		l.blocks = append(l.blocks, newBlock(l.crc))
	}
	b := l.blocks[len(l.blocks)-1]
	if b.buf != buf {
		p.attach(b, buf)
	}
	l.size += int64(n)
	l.crc = crc
	if l.used() == 0 {
		b.complete, b.after, b.marks = true, crc, l.marks
	}
	p.drop(buf)
	p.trim()
	return nil
}

// Close gives everything back. Pages that are out stay valid until released; all else
// fails from now on. Closing again does nothing.
func (l *Log) Close() {
	l.pool.mu.Lock()
	defer l.pool.unlock()
	l.close()
}

// close is Close with the lock.
func (l *Log) close() {
	p := l.pool
	for _, b := range l.blocks {
		b.gone = true
		p.detach(b)
		if b.load == nil {
			p.freeSlot(b)
		}
	}
	l.closed, l.blocks = true, nil
	delete(p.logs, l)
}
