package upstream

import "testing"

func TestLeasesFit(t *testing.T) {
	for _, size := range []int{0, 1, 1024, 1025, 200_000, 1 << 20, 1<<20 + 1, 5 << 20} {
		l := newLease(size)
		if cap(l.bytes) < size || len(l.bytes) != 0 || size > 1024 && cap(l.bytes) > 2*size {
			t.Errorf("a lease of %d has %d of %d bytes", size, len(l.bytes), cap(l.bytes))
		}
		l.bytes = append(l.bytes, "used"...)
		l.Release()
		if l.bytes != nil {
			t.Errorf("a lease of %d still has its memory", size)
		}
	}
	(*Lease)(nil).Release()
}

// An answer that outgrew its lease gives back what it has, in the class that fits.
func TestGrownLeases(t *testing.T) {
	l := newLease(1000)
	l.bytes = append(l.bytes, make([]byte, 3000)...)
	l.Release()
	for range 20 {
		if l := newLease(4000); cap(l.bytes) < 4000 {
			t.Fatalf("a lease of 4000 has %d bytes", cap(l.bytes))
		}
		if l := newLease(2000); cap(l.bytes) < 2000 {
			t.Fatalf("a lease of 2000 has %d bytes", cap(l.bytes))
		}
	}
}
