package spool

import (
	"bytes"
	"errors"
	"hash/crc64"
	"math/rand/v2"
	"sync"
	"testing"
)

// nvme is the table of an independent CRC-64/NVME.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// randomBytes are the same for the same seed.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

func newPool(t testing.TB, cfg Config) *Pool {
	t.Helper()
	p, err := NewPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// onFile makes a Pool whose disk is the file.
func onFile(t testing.TB, memory, disk int64, f *memFile) *Pool {
	t.Helper()
	p := newPool(t, Config{Memory: memory, Disk: disk})
	p.open = func(string) (file, error) { return f, f.open() }
	return p
}

func appendAll(t testing.TB, l *Log, data []byte) {
	t.Helper()
	if err := l.Append(data); err != nil {
		t.Fatal(err)
	}
}

func mustPage(t testing.TB, l *Log, offset int64, want []byte) Page {
	t.Helper()
	page, err := l.Page(offset)
	if err != nil {
		t.Fatalf("Page(%d): %v", offset, err)
	}
	wantData(t, page, offset, want)
	return page
}

// wantData compares a Page with all that the log has from its offset on.
func wantData(t testing.TB, page Page, offset int64, log []byte) {
	t.Helper()
	end := min((offset/BlockSize+1)*BlockSize, int64(len(log)))
	if !bytes.Equal(page.Data, log[offset:end]) {
		t.Fatalf("Page(%d): %d bytes, not the log's %d", offset, len(page.Data), end-offset)
	}
}

// touch reads a block and lets it go.
func touch(t testing.TB, l *Log, block int64, log []byte) {
	t.Helper()
	mustPage(t, l, block*BlockSize, log).Release()
}

// restore puts a block back and lets it go.
func restore(l *Log, block int64, data []byte) error {
	page, err := l.RestorePage(block*BlockSize, data)
	page.Release()
	return err
}

// where tells of each block where it is: Memory, Disk, Both, or "-" if it is evicted.
func where(l *Log) string {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	var s []byte
	for _, b := range l.blocks {
		switch {
		case b.buf != nil && b.slot != noSlot:
			s = append(s, 'B')
		case b.buf != nil:
			s = append(s, 'M')
		case b.slot != noSlot:
			s = append(s, 'D')
		default:
			s = append(s, '-')
		}
	}
	return string(s)
}

func wantWhere(t testing.TB, l *Log, want string) {
	t.Helper()
	if got := where(l); got != want {
		t.Fatalf("blocks are at %s, want %s", got, want)
	}
}

// memFile is a file in memory that can be made to fail, to lie, and to wait.
type memFile struct {
	mu       sync.Mutex
	data     map[int64][]byte
	closed   int
	opened   int
	reads    int
	writes   int
	onOpen   func() error
	onRead   func() error
	onWrite  func() error
	damaging bool // whether a byte read is another than was written
	short    bool // whether writes end early without an error
}

var errDisk = errors.New("no space left on device")

func refuse() error { return errDisk }

func (f *memFile) open() error {
	f.mu.Lock()
	f.opened++
	f.data = map[int64][]byte{}
	f.mu.Unlock()
	return run(f.onOpen)
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.mu.Lock()
	f.writes++
	f.mu.Unlock()
	if err := run(f.onWrite); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.short {
		return len(b) / 2, nil
	}
	f.data[off] = bytes.Clone(b)
	return len(b), nil
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.mu.Lock()
	f.reads++
	f.mu.Unlock()
	if err := run(f.onRead); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	block := f.data[off/BlockSize*BlockSize]
	n := copy(b, block[min(off%BlockSize, int64(len(block))):])
	if f.damaging {
		b[n/2] ^= 1
	}
	return n, nil
}

func (f *memFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

func run(hook func() error) error {
	if hook == nil {
		return nil
	}
	return hook()
}
