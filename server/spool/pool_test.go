package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"nothing is allowed":            {Config{}, ""},
		"memory only":                   {Config{Memory: 1}, ""},
		"one block on disk":             {Config{Disk: BlockSize}, ""},
		"negative memory":               {Config{Memory: -1}, "memory of -1 bytes: must not be negative"},
		"negative disk":                 {Config{Disk: -1}, "disk of -1 bytes: must not be negative"},
		"disk without room for a block": {Config{Disk: BlockSize - 1}, "must be at least 262144, or 0"},
		"no such directory":             {Config{Disk: BlockSize, Dir: plain + "x"}, "directory: stat "},
		"a file as directory":           {Config{Disk: BlockSize, Dir: plain}, "is not one"},
		"directory without disk":        {Config{Dir: plain}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := NewPool(c.cfg)
			if c.want == "" && err == nil {
				p.Close()
				return
			}
			if err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "spool: ") {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestFileHasNoName(t *testing.T) {
	dir := t.TempDir()
	p := newPool(t, Config{Memory: BlockSize, Disk: 4 * BlockSize, Dir: dir})
	l, data := p.NewLog(), randomBytes(1, 4*BlockSize)
	for i := range 4 {
		appendAll(t, l, data[i*BlockSize:][:BlockSize])
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Fatalf("after block %d the directory has %v, %v", i, entries, err)
		}
	}
	if s := p.Stats(); s.Disk != 3*BlockSize || s.Spilled != 3 || s.Errors != 0 {
		t.Fatalf("nothing was written: %+v", s)
	}
	for i := range int64(4) {
		touch(t, l, i, data)
	}
	check(t, p)
}

func TestDirectoryThatVanishes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, Config{Disk: 4 * BlockSize, Dir: dir})
	os.Remove(dir)
	l, data := p.NewLog(), randomBytes(1, 2*BlockSize)
	appendAll(t, l, data)
	wantWhere(t, l, "--")
	if s := p.Stats(); s.Errors != 2 || !os.IsNotExist(s.LastErr) || s.Evicted != 2*BlockSize || s.Disk != 0 {
		t.Errorf("%+v", s)
	}
	check(t, p)
}

func TestFileIsClosedWhenNothingIsInIt(t *testing.T) {
	f := &memFile{}
	p := onFile(t, 0, 8*BlockSize, f)
	for round := 1; round <= 3; round++ {
		a, b := p.NewLog(), p.NewLog()
		data := randomBytes(uint64(round), 3*BlockSize)
		appendAll(t, a, data)
		appendAll(t, b, data)
		a.Close()
		if f.closed != round-1 {
			t.Fatal("closed while the other log is in it")
		}
		touch(t, b, 2, data)
		b.Close()
		if f.opened != round || f.closed != round {
			t.Fatalf("round %d: opened %d times, closed %d times", round, f.opened, f.closed)
		}
		check(t, p)
	}
}

func TestPoolClose(t *testing.T) {
	f := &memFile{}
	p := onFile(t, 2*BlockSize, 8*BlockSize, f)
	l, data := p.NewLog(), randomBytes(1, 4*BlockSize+100)
	appendAll(t, l, data)
	page := mustPage(t, l, 1, data)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	late := p.NewLog()
	for name, l := range map[string]*Log{"closed with the pool": l, "made afterwards": late} {
		if err := l.Append(data); err != ErrClosed {
			t.Errorf("%s: Append: %v", name, err)
		}
		if _, err := l.Page(0); err != ErrClosed {
			t.Errorf("%s: Page: %v", name, err)
		}
		l.Close()
	}
	wantData(t, page, 1, data)
	page.Release()
	if s := p.Stats(); s.Memory != 0 || s.Disk != 0 || s.Logs != 0 || f.closed != 1 {
		t.Errorf("left behind: %+v, file closed %d times", s, f.closed)
	}
	if err := p.Close(); err != nil || f.closed != 1 {
		t.Errorf("closed again: %v, %d times", err, f.closed)
	}
}
