package spool

import (
	"bytes"
	"errors"
	"testing"
)

func TestRestore(t *testing.T) {
	p := newPool(t, Config{Memory: 2 * BlockSize})
	l, data := p.NewLog(), randomBytes(1, 3*BlockSize)
	appendAll(t, l, data)
	appendAll(t, l, []byte("end"))
	wantWhere(t, l, "--MM")
	_, err := l.Page(BlockSize + 7)
	var e *EvictedError
	if !errors.Is(err, ErrEvicted) || !errors.As(err, &e) || *e != (EvictedError{1, BlockSize, 2 * BlockSize}) {
		t.Fatalf("error %v", err)
	}
	if want := "spool: bytes 262144 to 524288 are evicted"; err.Error() != want {
		t.Errorf("error %q", err)
	}
	wrong := bytes.Clone(data[BlockSize : 2*BlockSize])
	wrong[len(wrong)-1] ^= 1
	for name, c := range map[string]struct {
		block int64
		data  []byte
		want  error
	}{
		"too short":            {1, data[BlockSize : 2*BlockSize-1], ErrDiffers},
		"too long":             {1, data[BlockSize : 2*BlockSize+1], ErrDiffers},
		"other bytes":          {1, wrong, ErrDiffers},
		"of another block":     {1, data[:BlockSize], ErrDiffers},
		"negative":             {-1, data[:BlockSize], ErrBeyond},
		"the incomplete block": {3, []byte("end"), ErrBeyond},
		"behind the end":       {4, data[:BlockSize], ErrBeyond},
		"other bytes, held":    {2, wrong, ErrDiffers},
		"held":                 {2, data[2*BlockSize:], nil},
	} {
		if err := restore(l, c.block, c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		page, err := l.RestorePage(c.block*BlockSize+5, c.data)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		page.Release()
		wantWhere(t, l, "--MM")
		check(t, p)
	}
	mine := bytes.Clone(data[BlockSize : 2*BlockSize])
	if err := restore(l, 1, mine); err != nil {
		t.Fatal(err)
	}
	clear(mine) // it was copied
	wantWhere(t, l, "-M-M")
	touch(t, l, 1, data)
	check(t, p)
}

// TestRestorePageWithoutRoom proves that a reader gets on where nothing can stay.
func TestRestorePageWithoutRoom(t *testing.T) {
	p := newPool(t, Config{})
	l, data := p.NewLog(), randomBytes(1, 2*BlockSize)
	appendAll(t, l, data)
	if err := restore(l, 0, data[:BlockSize]); err != nil {
		t.Fatal(err)
	}
	wantWhere(t, l, "--")
	page, err := l.RestorePage(9, data[:BlockSize])
	if err != nil {
		t.Fatal(err)
	}
	wantData(t, page, 9, data)
	wantWhere(t, l, "M-")
	again, err := l.RestorePage(0, data[:BlockSize])
	if err != nil || &again.Data[9] != &page.Data[0] {
		t.Error("restored twice", err)
	}
	check(t, p, page, again)
	page.Release()
	again.Release()
	wantWhere(t, l, "--")
	check(t, p)
}

// TestRestoredByAnother lets a block be restored, and go to disk, while it is restored.
func TestRestoredByAnother(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(l, other *Log, data []byte)
		want      error
		where     string
	}{
		"in memory": {func(l, _ *Log, data []byte) { restore(l, 0, data) }, nil, "M"},
		"on disk": {func(l, other *Log, data []byte) {
			restore(l, 0, data)
			other.Append(data)
		}, nil, "B"},
		"closed": {func(l, _ *Log, _ []byte) { l.Close() }, ErrClosed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := &memFile{onWrite: refuse}
			p := onFile(t, BlockSize, 4*BlockSize, f)
			l, other, data := p.NewLog(), p.NewLog(), randomBytes(1, BlockSize)
			appendAll(t, l, data)
			appendAll(t, other, data)
			wantWhere(t, l, "-")
			f.onWrite = nil
			full := &p.buffers[bufferClasses-1]
			for full.Get() != nil { // none is left to be used again
			}
			full.New = func() any {
				full.New = nil
				c.meanwhile(l, other, data)
				return nil
			}
			page, err := l.RestorePage(0, data)
			if err != c.want || full.New != nil {
				t.Fatalf("error %v", err)
			}
			if err == nil {
				wantData(t, page, 0, data)
			}
			wantWhere(t, l, c.where)
			check(t, p, page)
			page.Release()
			check(t, p)
		})
	}
}
