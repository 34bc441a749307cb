package spool

import (
	"fmt"
	"testing"
)

func TestPageAllocatesNothing(t *testing.T) {
	p := newPool(t, Config{Memory: 4 * BlockSize})
	l := p.NewLog()
	appendAll(t, l, make([]byte, BlockSize+100))
	for name, at := range map[string]int64{"complete": 5, "incomplete": BlockSize + 5, "at the end": BlockSize + 100} {
		if n := testing.AllocsPerRun(100, func() {
			page, err := l.Page(at)
			if err != nil {
				t.Error(err)
			}
			page.Release()
		}); n != 0 {
			t.Errorf("a Page of a block that is %s: %v allocations", name, n)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	for name, c := range map[string]struct{ memory, disk int64 }{"memory": {8, 0}, "disk": {0, 8}} {
		b.Run(name, func(b *testing.B) {
			p := newPool(b, Config{Memory: c.memory * BlockSize, Disk: c.disk * BlockSize, Dir: b.TempDir()})
			l := p.NewLog()
			appendAll(b, l, make([]byte, 8*BlockSize))
			b.ReportAllocs()
			b.SetBytes(BlockSize)
			for i := int64(0); b.Loop(); i++ {
				page, err := l.Page(i % 8 * BlockSize)
				if err != nil {
					b.Fatal(err)
				}
				page.Release()
			}
		})
	}
}

func BenchmarkPageParallel(b *testing.B) {
	p := newPool(b, Config{Memory: 8 * BlockSize})
	l := p.NewLog()
	appendAll(b, l, make([]byte, 8*BlockSize))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := int64(0); pb.Next(); i++ {
			page, _ := l.Page(i % 8 * BlockSize)
			page.Release()
		}
	})
}

// BenchmarkAppend writes logs of 16 MiB into memory for a quarter of that.
func BenchmarkAppend(b *testing.B) {
	for _, disk := range []int64{0, 64} {
		for _, n := range []int{100, 4 << 10, BlockSize} {
			b.Run(fmt.Sprintf("%d-disk%d", n, disk), func(b *testing.B) {
				p := newPool(b, Config{Memory: 16 * BlockSize, Disk: disk * BlockSize, Dir: b.TempDir()})
				data := make([]byte, n)
				l := p.NewLog()
				b.ReportAllocs()
				b.SetBytes(int64(n))
				for b.Loop() {
					if l.Size() > 64*BlockSize {
						l.Close()
						l = p.NewLog()
					}
					appendAll(b, l, data)
				}
			})
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	p := newPool(b, Config{Memory: 8 * BlockSize})
	l := p.NewLog()
	appendAll(b, l, make([]byte, 2*BlockSize))
	for _, at := range []int64{BlockSize, 2*BlockSize - 1} {
		b.Run(fmt.Sprint(at%BlockSize), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := l.Digest(at); !ok {
					b.Fatal("not known")
				}
			}
		})
	}
}
