package spool

import (
	"bytes"
	"hash/crc64"
	"testing"
)

func TestAppendSplitsAtBorders(t *testing.T) {
	for name, sizes := range map[string][]int{
		"nothing":              {0},
		"bytes":                {1, 1, 0, 1},
		"around a buffer":      {4095, 1, 1, 4096},
		"one block":            {BlockSize},
		"one block in two":     {BlockSize - 1, 1},
		"across a border":      {BlockSize - 1, 2},
		"many blocks":          {3*BlockSize + 7},
		"many blocks, shifted": {5, 3 * BlockSize, BlockSize - 5},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, Config{Memory: 1 << 30})
			l := p.NewLog()
			total := 0
			for _, n := range sizes {
				total += n
			}
			data := randomBytes(1, total)
			rest := data
			for _, n := range sizes {
				mine := bytes.Clone(rest[:n])
				appendAll(t, l, mine)
				clear(mine) // it was copied
				rest = rest[n:]
			}
			if l.Size() != int64(total) {
				t.Fatalf("size %d, want %d", l.Size(), total)
			}
			for at := int64(0); at < int64(total); at += BlockSize {
				touch(t, l, at/BlockSize, data)
				mustPage(t, l, at+1, append(data, 0)[:max(total, int(at)+1)]).Release()
			}
			end := mustPage(t, l, int64(total), data)
			end.Release()
			end.Release() // an empty one is of nothing
			check(t, p)
		})
	}
}

func TestPageBeyond(t *testing.T) {
	p := newPool(t, Config{Memory: 1 << 30})
	l := p.NewLog()
	for _, size := range []int64{0, 100, BlockSize, BlockSize + 1} {
		appendAll(t, l, make([]byte, size-l.Size()))
		for _, at := range []int64{-1, -BlockSize, size + 1, size + BlockSize, 1 << 60} {
			if _, err := l.Page(at); err != ErrBeyond {
				t.Errorf("size %d: Page(%d): %v", size, at, err)
			}
			if _, ok := l.Digest(at); ok {
				t.Errorf("size %d: a digest at %d", size, at)
			}
			if _, ok := l.Tail(at, 1); ok {
				t.Errorf("size %d: a tail at %d", size, at)
			}
		}
	}
	check(t, p)
}

// TestPageOfLastBlock holds a Page of every state of a block that grows.
func TestPageOfLastBlock(t *testing.T) {
	p := newPool(t, Config{})
	l, data := p.NewLog(), randomBytes(1, BlockSize)
	var pages []Page
	for n := 0; n < len(data); {
		step := min(1+n/3, len(data)-n)
		appendAll(t, l, data[n:n+step])
		n += step
		page := mustPage(t, l, 0, data[:n])
		if cap(page.Data) != n {
			t.Fatalf("a Page of %d bytes has a capacity of %d", n, cap(page.Data))
		}
		pages = append(pages, page)
		check(t, p, pages...)
	}
	for i, page := range pages {
		wantData(t, page, 0, data[:len(page.Data)])
		page.Release()
		check(t, p, pages[i+1:]...)
	}
	if s := p.Stats(); s.Memory != 0 {
		t.Errorf("%d bytes are left in memory", s.Memory)
	}
}

func TestSmallLogsAreSmall(t *testing.T) {
	p := newPool(t, Config{Memory: 1 << 30})
	for range 1000 {
		appendAll(t, p.NewLog(), []byte("a line\n"))
	}
	if s := p.Stats(); s.Memory != 1000*4<<10 || s.Logs != 1000 {
		t.Errorf("%+v", s)
	}
	l := p.NewLog()
	before := p.Stats().Memory
	for _, c := range [][2]int64{{1, 4 << 10}, {4095, 4 << 10}, {1, 8 << 10}, {60 << 10, 128 << 10}, {180 << 10, 256 << 10}} {
		appendAll(t, l, make([]byte, c[0]))
		if got := p.Stats().Memory - before; got != c[1] {
			t.Errorf("a log of %d bytes takes %d, want %d", l.Size(), got, c[1])
		}
	}
}

func TestDigestAndTailAtEveryPlace(t *testing.T) {
	p := newPool(t, Config{Memory: BlockSize, Disk: 3 * BlockSize, Dir: t.TempDir()})
	l, data := p.NewLog(), randomBytes(1, 3*BlockSize+5000)
	sums := make([]uint64, len(data)+1)
	for i := range data {
		sums[i+1] = crc64.Update(sums[i], nvme, data[i:i+1])
	}
	at := func(i int) {
		if crc, ok := l.Digest(int64(i)); !ok || crc != sums[i] {
			t.Fatalf("size %d: Digest(%d) = %x %t, want %x", l.Size(), i, crc, ok, sums[i])
		}
		for _, n := range []int{-1, 0, 1, 1000, MaxTail, MaxTail + 1} {
			want := data[max(i-min(max(n, 0), MaxTail), 0):i]
			if tail, ok := l.Tail(int64(i), n); !ok || !bytes.Equal(tail, want) {
				t.Fatalf("Tail(%d, %d) = %d bytes %t, want %d", i, n, len(tail), ok, len(want))
			}
		}
	}
	appendAll(t, l, data[:9000])
	for i := range 9001 {
		at(i)
	}
	appendAll(t, l, data[9000:])
	for i := 0; i <= len(data); i += 1009 {
		at(i)
	}
	for b := 0; b <= 3*BlockSize; b += BlockSize {
		for i := max(b-2000, 0); i < b+2000; i += 7 {
			at(i)
		}
		at(b)
	}
	at(len(data))
	check(t, p)
}

func TestDigestWhereEvicted(t *testing.T) {
	p := newPool(t, Config{})
	l, data := p.NewLog(), randomBytes(1, 2*BlockSize+10)
	appendAll(t, l, data)
	wantWhere(t, l, "--M")
	for i, want := range map[int]bool{
		0: true, 1: false, BlockSize - 1: false, BlockSize: true, BlockSize + 1: false,
		2 * BlockSize: true, 2*BlockSize + 1: true, len(data): true,
	} {
		crc, ok := l.Digest(int64(i))
		if ok != want || ok && crc != crc64.Checksum(data[:i], nvme) {
			t.Errorf("Digest(%d) = %x, %t", i, crc, ok)
		}
	}
	if _, ok := l.Tail(2*BlockSize+5, 6); ok {
		t.Error("a tail of evicted bytes")
	}
	if tail, ok := l.Tail(2*BlockSize+5, 5); !ok || !bytes.Equal(tail, data[2*BlockSize:][:5]) {
		t.Error("no tail of the last block")
	}
	check(t, p)
}

func TestLogClose(t *testing.T) {
	f := &memFile{}
	p := onFile(t, 2*BlockSize, 1*BlockSize, f)
	l, data := p.NewLog(), randomBytes(1, 4*BlockSize+100)
	appendAll(t, l, data[:4*BlockSize])
	wantWhere(t, l, "-DMM")
	appendAll(t, l, data[4*BlockSize:])
	pages := []Page{mustPage(t, l, 3*BlockSize, data), mustPage(t, l, 4*BlockSize+1, data)}
	l.Close()
	l.Close()
	check(t, p, pages...)
	if err := l.Append([]byte("x")); err != ErrClosed {
		t.Errorf("Append: %v", err)
	}
	if err := restore(l, 0, data[:BlockSize]); err != ErrClosed {
		t.Errorf("RestorePage: %v", err)
	}
	if _, ok := l.Digest(0); ok {
		t.Error("a digest")
	}
	other := p.NewLog()
	appendAll(t, other, randomBytes(2, 6*BlockSize)) // takes what memory there is
	wantData(t, pages[0], 3*BlockSize, data)
	wantData(t, pages[1], 4*BlockSize+1, data)
	pages[0].Release()
	pages[1].Release()
	other.Close()
	check(t, p)
	if s := p.Stats(); s.Memory != 0 || s.Disk != 0 || s.Logs != 0 || f.closed == 0 {
		t.Errorf("left behind: %+v", s)
	}
}
