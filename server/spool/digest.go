package spool

import "github.com/minio/crc64nvme"

// MaxTail is how many bytes Tail returns at most.
const MaxTail = 1 << 10

// Digest returns the CRC-64/NVME of all bytes before offset. It is known at the end of
// the log and, also where bytes are evicted, where blocks begin; elsewhere it takes the
// bytes of the block before offset, perhaps from disk. It is not ok if those are evicted,
// offset is beyond the log, or the log is closed.
func (l *Log) Digest(offset int64) (crc uint64, ok bool) {
	crc, known, ok := l.digestBefore(offset)
	if known || !ok {
		return crc, ok
	}
	start := offset / BlockSize * BlockSize
	page, err := l.Page(start)
	if err != nil {
		return 0, false
	}
	defer page.Release()
	return crc64nvme.Update(crc, page.Data[:offset-start]), true
}

// digestBefore is the digest at offset if it is known there, else where its block begins.
func (l *Log) digestBefore(offset int64) (crc uint64, known, ok bool) {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	switch {
	case l.closed || offset < 0 || offset > l.size:
		return 0, false, false
	case offset == l.size:
		return l.crc, true, true
	}
	return l.blocks[offset/BlockSize].before, offset%BlockSize == 0, true
}

// Tail returns a copy of the last n bytes before offset, of fewer if the log begins there
// or n is more than MaxTail. It is not ok if one of them is evicted, offset is beyond the
// log, or the log is closed.
func (l *Log) Tail(offset int64, n int) ([]byte, bool) {
	start := max(offset-int64(min(max(n, 0), MaxTail)), 0)
	if _, _, ok := l.digestBefore(offset); !ok {
		return nil, false
	}
	tail := make([]byte, 0, offset-start)
	for start < offset {
		page, err := l.Page(start)
		if err != nil {
			return nil, false
		}
		part := page.Data[:min(int64(len(page.Data)), offset-start)]
		tail = append(tail, part...)
		start += int64(len(part))
		page.Release()
	}
	return tail, true
}
