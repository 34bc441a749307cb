package upstream

import (
	"bytes"
	linked "container/list"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// frameOverhead is what an entry counts beyond its bytes: about what it takes in memory.
const frameOverhead = 512

// largestShare is the part of the bound that one entry may take.
const largestShare = 8

// frameCache keeps the frames that were used last, within a bound of bytes. A frame costs
// a copy, so one is made only of an answer that has come twice with the same ETag; of the
// first answer the ETag alone is remembered. All methods may be called at the same time.
type frameCache struct {
	most                  int64
	hits, misses, unasked atomic.Uint64

	mu      sync.Mutex
	entries map[frameKey]*linked.Element
	recent  *linked.List // of *frameEntry; the last used is in front
	stats   CacheStats   // but for what is counted elsewhere
}

// frameEntry is what is known of one key. It is guarded by the cache's lock.
type frameEntry struct {
	key   frameKey
	etag  string
	frame *Frame // nil if the answer was seen once
	size  int64
	place *linked.Element
}

func newFrameCache(most int64) *frameCache {
	return &frameCache{
		most:    most,
		entries: map[frameKey]*linked.Element{}, recent: linked.New(),
	}
}

// lookup returns the frame of key, nil if there is none.
func (c *frameCache) lookup(key frameKey) *Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entry(key); e != nil {
		return e.frame
	}
	return nil
}

// entry returns what is known of key, as the last used, or nil.
func (c *frameCache) entry(key frameKey) *frameEntry {
	place := c.entries[key]
	if place == nil {
		return nil
	}
	c.recent.MoveToFront(place)
	e, _ := place.Value.(*frameEntry)
	return e
}

// admit takes note of an answer of success that had to be read, and returns its frame if
// it is kept. If it cannot be, an earlier one is void.
func (c *frameCache) admit(key frameKey, resp *http.Response, wire []byte) *Frame {
	c.misses.Add(1)
	etag := usableETag(resp)
	if etag == "" {
		c.drop(key)
		return nil
	}
	held, again := c.remember(key, etag)
	switch {
	case !again || c.tooLarge(int64(frameOverhead+len(wire))):
		return nil
	case held != nil && bytes.Equal(held.wire, wire):
		return held
	}
	f := newFrame(etag, wire, resp.Header)
	if !c.tooLarge(f.size()) {
		c.store(key, f)
	}
	return f
}

// remember notes the ETag of an answer. If it is the one that was noted before, the
// answer has been seen again; the frame that is kept of it, if any, comes back.
func (c *frameCache) remember(key frameKey, etag string) (held *Frame, again bool) {
	size := int64(frameOverhead + len(etag))
	if c.tooLarge(size) {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(key)
	switch {
	case e == nil:
		e = &frameEntry{key: key}
		e.place = c.recent.PushFront(e)
		c.entries[key] = e.place
	case e.etag == etag:
		return e.frame, true
	}
	e.etag = strings.Clone(etag)
	c.replace(e, nil, size)
	return nil, false
}

// store keeps a frame, unless the ETag has changed in the meantime.
func (c *frameCache) store(key frameKey, f *Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(key)
	if e == nil || e.etag != f.etag {
		return
	}
	f.etag, f.cache, f.entry = e.etag, c, e
	c.stats.Stored++
	c.replace(e, f, f.size())
}

// attach keeps the encoded form of f beside it.
func (c *frameCache) attach(f *Frame, json []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.entry == nil || f.json.Load() != nil || c.tooLarge(f.entry.size+int64(cap(json))) {
		return
	}
	f.json.Store(&json)
	c.recent.MoveToFront(f.entry.place)
	c.replace(f.entry, f, f.entry.size+int64(cap(json)))
}

// replace gives an entry, which is the last used, another frame and size, and makes room
// for it.
func (c *frameCache) replace(e *frameEntry, f *Frame, size int64) {
	if e.frame != nil && e.frame != f {
		e.frame.entry = nil
	}
	c.stats.Bytes += size - e.size
	e.frame, e.size = f, size
	for c.stats.Bytes > c.most {
		c.stats.Evicted++
		oldest, _ := c.recent.Back().Value.(*frameEntry)
		c.remove(oldest)
	}
}

func (c *frameCache) remove(e *frameEntry) {
	if e.frame != nil {
		e.frame.entry = nil
	}
	c.stats.Bytes -= e.size
	c.recent.Remove(e.place)
	delete(c.entries, e.key)
}

// drop forgets what is known of key.
func (c *frameCache) drop(key frameKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entry(key); e != nil {
		c.remove(e)
	}
}

func (c *frameCache) tooLarge(size int64) bool { return size > c.most/largestShare }

func (c *frameCache) figures() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.stats
	stats.Entries = int64(len(c.entries))
	stats.Hits, stats.Misses, stats.Unasked = c.hits.Load(), c.misses.Load(), c.unasked.Load()
	return stats
}
