package server

import "testing"

func TestBuffersFitTheirTier(t *testing.T) {
	var p bufferPool
	for _, length := range []int{0, 1, 512, 513, 32 << 10, 33 << 10, 256<<10 + 100, 1 << 20, 5 << 20} {
		b := p.Get(length)
		if len(*b) != length {
			t.Errorf("Get(%d) has length %d", length, len(*b))
		}
		if length > 4<<10 && length <= 1<<20 && cap(*b) > 4*length {
			t.Errorf("Get(%d) has capacity %d", length, cap(*b))
		}
		p.Put(b)
	}
}

func TestForeignBuffersAreNotKept(t *testing.T) {
	var p bufferPool
	odd := make([]byte, 600)
	p.Put(&odd)
	for range 10 {
		if b := p.Get(600); cap(*b) == 600 {
			t.Fatal("a buffer that fits no tier came back")
		}
	}
}
