package spool

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
)

// TestTake takes a Page of each of many blocks: the fewer bytes, the less room there is.
func TestTake(t *testing.T) {
	const blocks, memory = 40, 8
	for name, c := range map[string]struct {
		pace Pace
		want map[int]int
	}{
		"unknown": {Unknown, map[int]int{BlockSize: memory / 8, mediumPart: memory * 3 / 2, smallPart: blocks - memory*3/2 - memory/8}},
		"quick":   {Quick, map[int]int{BlockSize: memory * 6 / 8, mediumPart: memory, smallPart: blocks - memory - memory*6/8}},
		"slow":    {Slow, map[int]int{BlockSize: memory / 8, mediumPart: 0, smallPart: blocks - memory/8}},
	} {
		t.Run(name, func(t *testing.T) {
			p := onFile(t, memory*BlockSize, 100*BlockSize, &memFile{})
			l, data := p.NewLog(), randomBytes(1, blocks*BlockSize)
			appendAll(t, l, data)
			var out []Page
			sizes := map[int]int{}
			for i := range int64(blocks) {
				page := mustTake(t, l, i*BlockSize, c.pace, data)
				sizes[len(page.Data)]++
				out = append(out, page)
				check(t, p, out...)
			}
			for size, want := range c.want {
				if sizes[size] != want {
					t.Errorf("%d Pages of %d bytes, want %d", sizes[size], size, want)
				}
			}
			if s := p.Stats(); s.Memory > memory*BlockSize+blocks*smallPart || s.Evicted > 0 {
				t.Errorf("too much is in memory, or lost: %+v", s)
			}
			if c.pace == Unknown { // what others keep takes no more room
				shared := mustTake(t, l, 5, Unknown, data)
				if shared.Copied() {
					t.Error("a block that others keep was copied")
				}
				out = append(out, shared)
			}
			for _, page := range out {
				page.Release()
			}
			check(t, p)
		})
	}
}

// mustTake takes a Page, which may be just a part.
func mustTake(t testing.TB, l *Log, offset int64, pace Pace, log []byte) Page {
	t.Helper()
	page, err := l.Take(offset, pace)
	if err != nil {
		t.Fatalf("Take(%d): %v", offset, err)
	}
	n := len(page.Data)
	whole := int64(n) == min((offset/BlockSize+1)*BlockSize, int64(len(log)))-offset
	if n == 0 || !bytes.Equal(page.Data, log[offset:][:n]) || !whole && !page.Copied() {
		t.Fatalf("Take(%d): %d bytes, copied %t", offset, n, page.Copied())
	}
	return page
}

// TestTakeAnywhere walks a log that is on disk from any place on.
func TestTakeAnywhere(t *testing.T) {
	f := &memFile{}
	p := onFile(t, 0, 100*BlockSize, f)
	l, data := p.NewLog(), randomBytes(1, 3*BlockSize+70_000)
	for _, part := range [][]byte{data[:1], data[1:16384], data[16384:100_000], data[100_000:]} {
		appendAll(t, l, part)
	}
	wantWhere(t, l, "DDDM")
	for _, begin := range []int64{0, 1, markSize - 1, markSize, 3*markSize + 5, BlockSize - 1, BlockSize, BlockSize + 12345} {
		for at := begin; at < int64(len(data)); {
			page := mustTake(t, l, at, Slow, data)
			check(t, p, page)
			at += int64(len(page.Data))
			page.Release()
		}
		check(t, p)
	}
	wantWhere(t, l, "DDDM")
	if page, err := l.Take(int64(len(data)), Slow); err != nil || len(page.Data) > 0 {
		t.Errorf("at the end: %d bytes, %v", len(page.Data), err)
	}
	for _, at := range []int64{-1, int64(len(data)) + 1} {
		if _, err := l.Take(at, Slow); err != ErrBeyond {
			t.Errorf("Take(%d): %v", at, err)
		}
	}
	l.Close()
	if _, err := l.Take(0, Slow); err != ErrClosed {
		t.Errorf("of a closed log: %v", err)
	}
}

// TestTakeFromABadDisk proves that a part that was damaged is not told.
func TestTakeFromABadDisk(t *testing.T) {
	for name, spoil := range map[string]func(f *memFile){
		"damaged": func(f *memFile) { f.damaging = true },
		"failing": func(f *memFile) { f.onRead = refuse },
	} {
		t.Run(name, func(t *testing.T) {
			f := &memFile{}
			p := onFile(t, 0, 100*BlockSize, f)
			l, data := p.NewLog(), randomBytes(1, 2*BlockSize)
			appendAll(t, l, data)
			spoil(f)
			if _, err := l.Take(3*markSize, Slow); !errors.Is(err, ErrEvicted) {
				t.Errorf("error %v", err)
			}
			wantWhere(t, l, "-D")
			check(t, p)
			if s := p.Stats(); s.Errors != 1 || s.Evicted != BlockSize {
				t.Errorf("not told: %+v", s)
			}
		})
	}
}

// TestWhileTaking lets something happen while a part of a block is read from disk.
func TestWhileTaking(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(l *Log, data []byte)
		want      error
		where     string
	}{
		"nothing":                {func(*Log, []byte) {}, nil, "DD"},
		"the log is closed":      {func(l *Log, _ []byte) { l.Close() }, ErrClosed, ""},
		"the pool is closed":     {func(l *Log, _ []byte) { l.pool.Close() }, ErrClosed, ""},
		"others fill the disk":   {func(l *Log, data []byte) { appendAll(t, l.pool.NewLog(), data) }, nil, "D-"},
		"the whole is wanted":    {func(l *Log, _ []byte) { go func() { page, _ := l.Page(7); page.Release() }() }, nil, "DD"},
		"others want a part too": {func(l *Log, _ []byte) { go func() { page, _ := l.Take(7, Slow); page.Release() }() }, nil, "DD"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(nil)
				p := onFile(t, 0, 3*BlockSize, &memFile{onRead: g.pass})
				l, data := p.NewLog(), randomBytes(1, 2*BlockSize)
				appendAll(t, l, data)
				var page Page
				go func() {
					var err error
					if page, err = l.Take(0, Slow); !errors.Is(err, c.want) {
						t.Errorf("error %v, want %v", err, c.want)
					}
				}()
				synctest.Wait()
				c.meanwhile(l, data)
				synctest.Wait()
				close(g.open)
				synctest.Wait()
				wantWhere(t, l, c.where)
				if c.want == nil && !bytes.Equal(page.Data, data[:smallPart]) {
					t.Errorf("%d other bytes", len(page.Data))
				}
				check(t, p, page)
				page.Release()
				check(t, p)
			})
		})
	}
}

// TestTakeLosesNothing takes Pages of blocks that would be evicted if they were let go.
func TestTakeLosesNothing(t *testing.T) {
	for name, disk := range map[string]int64{"no disk": 0, "a full disk": 1} {
		t.Run(name, func(t *testing.T) {
			p := onFile(t, 0, disk*BlockSize, &memFile{})
			l, data := p.NewLog(), randomBytes(1, 3*BlockSize)
			appendAll(t, l, data[:BlockSize])
			appendAll(t, l, data[BlockSize:])
			page, err := l.RestorePage(0, data[:BlockSize])
			if err != nil {
				t.Fatal(err)
			}
			if page = page.Fit(Slow).Fit(Slow); page.Copied() || len(page.Data) != BlockSize {
				t.Errorf("%d bytes are left, copied %t", len(page.Data), page.Copied())
			}
			check(t, p, page)
			page.Release()
			check(t, p)
		})
	}
}

// TestAbandon proves that the memory of an abandoned Page is not used again.
func TestAbandon(t *testing.T) {
	for name, fit := range map[string]func(Page) Page{
		"whole": func(p Page) Page { return p },
		"kept":  func(p Page) Page { return p.Fit(Quick) },
		"part":  func(p Page) Page { return p.Fit(Slow) },
	} {
		t.Run(name, func(t *testing.T) {
			p := onFile(t, 3*BlockSize, 100*BlockSize, &memFile{})
			l, data := p.NewLog(), randomBytes(1, 2*BlockSize)
			appendAll(t, l, data)
			page := fit(mustPage(t, l, BlockSize, data))
			page.Abandon()
			check(t, p)
			l.Close()
			if s := p.Stats(); s.Memory != 0 {
				t.Errorf("it still counts: %+v", s)
			}
			other := p.NewLog()
			for range 20 {
				appendAll(t, other, randomBytes(2, BlockSize+smallPart))
			}
			if !bytes.Equal(page.Data, data[BlockSize:][:len(page.Data)]) {
				t.Error("its bytes were overwritten")
			}
		})
	}
}
