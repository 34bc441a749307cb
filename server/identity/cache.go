package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// Bounds of each half of the cache.
const (
	halfEntries = 5_000
	halfBytes   = 32 << 20
)

// digest stands for a token.
type digest [sha256.Size]byte

// cache remembers the callers of good tokens. It has two halves: when the young one is
// full, the old one goes, and what is found there becomes young again.
type cache struct {
	buffers sync.Pool // that begin with the secret

	mu         sync.RWMutex
	young, old map[digest]remembered
	bytes      int64  // of the young half, about
	generation uint64 // of the keys that all were verified with
}

type remembered struct {
	caller Caller
	bytes  int64
}

// newCache makes a cache with a secret of its own, so that nobody can know or choose what
// stands for a token.
func newCache() *cache {
	var secret [sha256.BlockSize]byte
	_, _ = rand.Read(secret[:]) // never fails
	c := &cache{young: map[digest]remembered{}}
	c.buffers.New = func() any {
		b := make([]byte, len(secret), len(secret)+maxToken)
		copy(b, secret[:])
		return &b
	}
	return c
}

// digest hashes a token behind the secret, a whole block of it. It leaves nothing of the
// token in memory.
func (c *cache) digest(token string) digest {
	b, _ := c.buffers.Get().(*[]byte)
	whole := (*b)[:len(*b)+len(token)]
	room := whole[len(*b):]
	copy(room, token)
	sum := sha256.Sum256(whole)
	clear(room)
	c.buffers.Put(b)
	return sum
}

// get returns the caller of a token that was verified with the keys of this generation.
func (c *cache) get(name digest, generation uint64) (Caller, bool) {
	c.mu.RLock()
	if c.generation != generation {
		c.mu.RUnlock()
		return Caller{}, false
	}
	r, ok := c.young[name]
	if ok {
		c.mu.RUnlock()
		return r.caller, true
	}
	r, ok = c.old[name]
	c.mu.RUnlock()
	if ok {
		c.add(name, r, generation)
	}
	return r.caller, ok
}

// put remembers the caller of a token.
func (c *cache) put(name digest, caller Caller, generation uint64) {
	c.add(name, remembered{caller, sizeOf(caller)}, generation)
}

func (c *cache) add(name digest, r remembered, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case generation < c.generation:
		return
	case generation > c.generation:
		c.young, c.old, c.bytes, c.generation = map[digest]remembered{}, nil, 0, generation
	case len(c.young) >= halfEntries || c.bytes+r.bytes > halfBytes:
		c.young, c.old, c.bytes = map[digest]remembered{}, c.young, 0
	}
	if _, known := c.young[name]; !known {
		c.bytes += r.bytes
	}
	c.young[name] = r
}

// sizeOf is about what a caller takes in memory.
func sizeOf(caller Caller) int64 {
	size := 256 + len(caller.Name)
	for name, value := range caller.Claims {
		size += 64 + len(name)
		switch value := value.(type) {
		case string:
			size += len(value)
		case []string:
			for _, text := range value {
				size += 16 + len(text)
			}
		}
	}
	return int64(size)
}
