package upstream

import (
	"bytes"
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"
)

// headMemory remembers how logs begin, of each a digest of its first bytes: an answer that
// begins otherwise is no whole log. It is of a fixed size: a log takes the place of
// another one now and then.
type headMemory struct {
	seed  maphash.Seed
	heads [1 << 10]atomic.Pointer[logHead]
}

// logHead is how one log begins.
type logHead struct {
	log  string // see logCall.log
	size int    // bytes, at most traceOverlap
	sum  uint64
	at   time.Time // when it was read
}

// trustHead is how long it is believed that a log begins as it did.
const trustHead = 10 * time.Minute

// trustBlindly is how long where nobody compares what comes with what he holds: if the log
// was rewritten since, by a GitLab that no longer honours such requests, other bytes than
// those that were asked for would not be noticed.
const trustBlindly = 10 * time.Second

func newHeadMemory() *headMemory { return &headMemory{seed: maphash.MakeSeed()} }

func (m *headMemory) slot(log string) *atomic.Pointer[logHead] {
	return &m.heads[maphash.String(m.seed, log)%uint64(len(m.heads))]
}

// of is how a log begins, nil if it is not known.
func (m *headMemory) of(log string) *logHead {
	if h := m.slot(log).Load(); h != nil && h.log == log && time.Since(h.at) < trustHead {
		return h
	}
	return nil
}

// learn remembers how a log begins. What is known of more bytes of it stays, unless they
// are all that there are.
func (m *headMemory) learn(h logHead, all bool) {
	slot := m.slot(h.log)
	old := slot.Load()
	if all || old == nil || old.log != h.log || old.size <= h.size || h.at.Sub(old.at) >= trustHead {
		slot.Store(&h)
	}
}

// mayBegin tells whether an answer may be the whole log that begins as h: length is that
// of the answer, -1 if unknown, and start its first bytes, of which there are as many as
// there can be, traceOverlap at most. A log does not become shorter.
func (m *headMemory) mayBegin(h *logHead, start []byte, length int64) bool {
	if length >= 0 && length < int64(h.size) {
		return false
	}
	return len(start) >= h.size && maphash.Bytes(m.seed, start[:h.size]) == h.sum
}

// headReader learns how a log begins from the bytes that pass by.
type headReader struct {
	memory *headMemory
	head   logHead
	hash   maphash.Hash
}

func (m *headMemory) reader(log string) *headReader {
	r := &headReader{memory: m, head: logHead{log: log}}
	r.hash.SetSeed(m.seed)
	return r
}

// see takes the next bytes of the log. It says whether more are wanted.
func (r *headReader) see(p []byte) (more bool) {
	p = p[:min(len(p), traceOverlap-r.head.size)]
	_, _ = r.hash.Write(p)
	r.head.size += len(p)
	return r.head.size < traceOverlap
}

// done keeps what was learnt; all says that it is the whole log.
func (r *headReader) done(all bool) {
	if r.head.size > 0 {
		r.head.sum, r.head.at = r.hash.Sum64(), time.Now()
		r.memory.learn(r.head, all)
	}
}

// readHead reads how the log begins, which comes out right whether the request is honoured
// or not, and the size of the log as far as the answer tells it, else -1.
func (l *logCall) readHead(ctx context.Context) (head []byte, size int64, err error) {
	t, err := l.open(ctx, TraceRange{Limit: traceOverlap})
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = t.Close() }()
	head, err = t.peek(traceOverlap + 1)
	switch {
	case err != nil:
		return nil, 0, err
	case len(head) > traceOverlap:
		l.slices.ignored()
		return bytes.Clone(head[:traceOverlap]), t.length, nil
	case len(head) < traceOverlap:
		return head, int64(len(head)), nil
	}
	return head, -1, nil
}
