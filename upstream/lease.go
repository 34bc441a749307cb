package upstream

import (
	"math/bits"
	"sync"
)

// Lease is the memory that the wire bytes of an answer are in. Whoever is the only one
// to hold the answer, and needs it no more, may give the memory back: for lists it is
// most of what a call allocates. Without that it is left to the collector.
type Lease struct{ bytes []byte }

// Leases are kept by size, in powers of two.
const (
	smallestLease = 10 // 1 KiB
	largestLease  = 20 // 1 MiB
)

var leases [largestLease + 1]sync.Pool

// newLease lends room for about that many bytes.
func newLease(size int) *Lease {
	class := leaseClass(size)
	if class > largestLease {
		return &Lease{make([]byte, 0, size)}
	}
	if l, ok := leases[class].Get().(*Lease); ok {
		return l
	}
	return &Lease{make([]byte, 0, 1<<class)}
}

// leaseClass is the power of two that holds so many bytes.
func leaseClass(size int) int { return max(bits.Len(uint(max(size, 1)-1)), smallestLease) }

// Release gives the memory back, once. Neither the answer nor anything that refers to
// its bytes may be used afterwards. Of nil it does nothing.
func (l *Lease) Release() {
	if l == nil {
		return
	}
	class := bits.Len(uint(cap(l.bytes))) - 1
	if class >= smallestLease && class <= largestLease {
		leases[class].Put(&Lease{l.bytes[:0]})
	}
	l.bytes = nil
}
