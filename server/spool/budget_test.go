package spool

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
)

func TestBoundIsExact(t *testing.T) {
	for memory, want := range map[int64]string{
		2*BlockSize - 1: "-M", 2 * BlockSize: "MM", BlockSize: "-M", BlockSize - 1: "--", 0: "--",
	} {
		p := newPool(t, Config{Memory: memory})
		l := p.NewLog()
		appendAll(t, l, make([]byte, 2*BlockSize))
		wantWhere(t, l, want)
		check(t, p)
	}
}

// TestLeastRecentlyUsedLeaves uses blocks in some order; then one more block comes.
func TestLeastRecentlyUsedLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		use  []int64
		want string
	}{
		"as appended":       {nil, "-MMM"},
		"the first is used": {[]int64{0}, "M-MM"},
		"all are used":      {[]int64{1, 0, 2, 1}, "-MMM"},
		"the middle stays":  {[]int64{0, 1, 0}, "MM-M"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, Config{Memory: 3 * BlockSize})
			l, data := p.NewLog(), randomBytes(1, 4*BlockSize)
			appendAll(t, l, data[:3*BlockSize])
			for _, b := range c.use {
				touch(t, l, b, data)
			}
			appendAll(t, l, data[3*BlockSize:])
			wantWhere(t, l, c.want)
			check(t, p)
		})
	}
}

func TestHeldBlocksStay(t *testing.T) {
	p := newPool(t, Config{Memory: 2 * BlockSize})
	l, data := p.NewLog(), randomBytes(1, 5*BlockSize+1)
	appendAll(t, l, data[:2*BlockSize])
	pages := []Page{mustPage(t, l, 0, data), mustPage(t, l, BlockSize, data), mustPage(t, l, 1, data)}
	appendAll(t, l, data[2*BlockSize:])
	wantWhere(t, l, "MM---M")
	if s := p.Stats(); s.Memory != 2*BlockSize+smallestBuffer || s.Evicted != 3*BlockSize {
		t.Errorf("%+v", s)
	}
	check(t, p, pages...)
	pages[0].Release()
	wantWhere(t, l, "MM---M") // it is out a second time
	check(t, p, pages[1:]...)
	pages[1].Release()
	wantWhere(t, l, "M----M") // made room at once
	pages[2].Release()
	check(t, p)
}

// TestDiskIsWrittenOnce proves that a block read back keeps its place on disk, so that it
// leaves memory again without a write.
func TestDiskIsWrittenOnce(t *testing.T) {
	f := &memFile{}
	p := onFile(t, 2*BlockSize, 8*BlockSize, f)
	l, data := p.NewLog(), randomBytes(1, 6*BlockSize)
	appendAll(t, l, data)
	wantWhere(t, l, "DDDDMM")
	for range 3 {
		for b := range int64(6) {
			touch(t, l, b, data)
		}
		check(t, p)
	}
	wantWhere(t, l, "DDDDBB")
	if s := p.Stats(); f.writes != 6 || s.Spilled != 6 || s.Evicted != 0 || s.Disk != 6*BlockSize {
		t.Errorf("%d writes, %+v", f.writes, s)
	}
	touch(t, l, 5, data)
	touch(t, l, 4, data)
	if f.reads != 3*6 {
		t.Errorf("%d reads", f.reads)
	}
}

// TestWhatGoesFromDisk uses blocks where memory has room for two; then one more comes.
func TestWhatGoesFromDisk(t *testing.T) {
	for name, c := range map[string]struct {
		disk, blocks int64
		use          []int64
		then, want   string
	}{
		"the oldest":                        {3, 5, nil, "DDDMM", "-DDDMM"},
		"the least recently used":           {3, 5, []int64{0, 3}, "MDDMD", "D-DMDM"},
		"places of blocks in memory first":  {4, 5, []int64{0, 1}, "MBDDD", "DMDDDM"},
		"the oldest of those":               {6, 5, []int64{0, 1, 2}, "DBBDD", "DDBDDM"},
		"a free place, with all in memory":  {4, 3, []int64{0, 1}, "BBD", "DBDM"},
		"with one place, blocks are traded": {1, 3, []int64{0}, "MDM", "M-DM"},
	} {
		t.Run(name, func(t *testing.T) {
			p := onFile(t, 2*BlockSize, c.disk*BlockSize, &memFile{})
			l, data := p.NewLog(), randomBytes(1, int(c.blocks+1)*BlockSize)
			appendAll(t, l, data[:c.blocks*BlockSize])
			for _, b := range c.use {
				touch(t, l, b, data[:c.blocks*BlockSize])
			}
			check(t, p)
			wantWhere(t, l, c.then)
			appendAll(t, l, data[c.blocks*BlockSize:])
			wantWhere(t, l, c.want)
			if s, lost := p.Stats(), strings.Count(c.want, "-"); s.Evicted != int64(lost)*BlockSize {
				t.Errorf("%+v, want %d blocks evicted", s, lost)
			}
			check(t, p)
		})
	}
}

func TestFailingDisk(t *testing.T) {
	for name, c := range map[string]struct {
		fail    func(*memFile)
		spilled int64
	}{
		"no file":      {func(f *memFile) { f.onOpen = refuse }, 0},
		"no space":     {func(f *memFile) { f.onWrite = refuse }, 0},
		"half a block": {func(f *memFile) { f.short = true }, 0},
		"no reading":   {func(f *memFile) { f.onRead = refuse }, 2},
		"other bytes":  {func(f *memFile) { f.damaging = true }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := &memFile{}
			c.fail(f)
			p := onFile(t, BlockSize, 8*BlockSize, f)
			l, data := p.NewLog(), randomBytes(1, 3*BlockSize)
			appendAll(t, l, data)
			for b := range int64(2) {
				if _, err := l.Page(b*BlockSize + 3); !errors.Is(err, ErrEvicted) {
					t.Fatalf("block %d: %v", b, err)
				}
			}
			touch(t, l, 2, data)
			if s := p.Stats(); s.Errors != 2 || s.LastErr == nil || s.Evicted != 2*BlockSize || s.Spilled != c.spilled || s.Disk != 0 {
				t.Errorf("%+v", s)
			}
			check(t, p)
			*f = memFile{} // it is mended
			for b := range int64(3) {
				if err := restore(l, b, data[b*BlockSize:][:BlockSize]); err != nil {
					t.Fatal(err)
				}
			}
			for b := range int64(3) {
				touch(t, l, b, data)
			}
			check(t, p)
		})
	}
}

// TestClosedFile closes the file behind the back of the Pool, which says so in the log,
// but not each time.
func TestClosedFile(t *testing.T) {
	var logs bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logs, nil))
	p := newPool(t, Config{Memory: BlockSize, Disk: 8 * BlockSize, Dir: t.TempDir(), Log: log})
	l, data := p.NewLog(), randomBytes(1, 4*BlockSize)
	appendAll(t, l, data[:3*BlockSize])
	wantWhere(t, l, "DDM")
	p.file.Close()
	appendAll(t, l, data[3*BlockSize:])
	wantWhere(t, l, "DD-M")
	for b := range int64(2) {
		if _, err := l.Page(b * BlockSize); !errors.Is(err, ErrEvicted) {
			t.Errorf("block %d: %v", b, err)
		}
	}
	if s := p.Stats(); s.Errors != 3 || !errors.Is(s.LastErr, os.ErrClosed) || s.Disk != 0 {
		t.Errorf("%+v", s)
	}
	if text := logs.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "file already closed") || !strings.Contains(text, "failures=2") {
		t.Errorf("logged %q", text)
	}
	check(t, p)
	if err := restore(l, 0, data[:BlockSize]); err != nil {
		t.Fatal(err)
	}
	wantWhere(t, l, "M--D") // on a new file
	check(t, p)
}
