package spool

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc64"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// walk is many logs in one Pool, each with a writer and readers, who compare all that they
// see with what was written.
type walk struct {
	pool    *Pool
	size    int // of each log
	readers int // of each log
	rounds  int // random reads of each reader, besides the walk to the end
}

// mostHeld is how many Pages a reader holds at the same time.
const mostHeld = 3

// TestReadersSeeTheLog is the property that the package is for.
func TestReadersSeeTheLog(t *testing.T) {
	flaky := func(n int64) func() error {
		var calls atomic.Int64
		return func() error {
			if calls.Add(1)%n == 0 {
				return errDisk
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		memory, disk int64 // in blocks
		file         *memFile
	}{
		"all in memory":       {100, 0, nil},
		"nothing fits":        {0, 0, nil},
		"little memory":       {3, 0, nil},
		"disk only":           {0, 100, nil},
		"little of both":      {2, 3, nil},
		"enough of both":      {4, 100, nil},
		"a disk that fails":   {2, 20, &memFile{onOpen: flaky(3), onRead: flaky(5), onWrite: flaky(7)}},
		"a disk without room": {3, 20, &memFile{onWrite: refuse}},
		"a disk that lies":    {1, 20, &memFile{damaging: true}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, Config{Memory: c.memory * BlockSize, Disk: c.disk * BlockSize, Dir: t.TempDir()})
			if c.file != nil {
				p.open = func(string) (file, error) { return c.file, c.file.open() }
			}
			w := walk{pool: p, size: 2*BlockSize + 77_777, readers: 3, rounds: 40}
			if !testing.Short() {
				w.size += 2 * BlockSize
			}
			w.run(t, 3)
			check(t, p)
			if s := p.Stats(); s.Memory != 0 || s.Disk != 0 || s.Logs != 0 {
				t.Errorf("left behind: %+v", s)
			}
		})
	}
}

// run lets so many logs be written and read until all is read, and watches the bound.
func (w walk) run(t *testing.T, logs int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range logs {
		wg.Go(func() { w.log(t, uint64(i)) })
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	// Each log has a last block, each reader holds blocks, each call is about to use two.
	most := w.pool.cfg.Memory + int64(logs*(1+2+w.readers*(mostHeld+2))*BlockSize)
	for {
		if s := w.pool.Stats(); s.Memory > most || s.Disk > w.pool.cfg.Disk {
			t.Errorf("over the bound: %+v", s)
		}
		select {
		case <-over:
			return
		default:
			runtime.Gosched()
		}
	}
}

func (w walk) log(t *testing.T, seed uint64) {
	t.Helper()
	data := randomBytes(seed, w.size)
	l := w.pool.NewLog()
	defer l.Close()
	var wg sync.WaitGroup
	for i := range w.readers {
		wg.Go(func() {
			r := &reader{walk: w, log: l, data: data, rand: rand.New(rand.NewPCG(seed, uint64(i)))}
			defer r.release(0)
			if err := r.run(); err != nil {
				t.Errorf("log %d, reader %d: %v", seed, i, err)
			}
		})
	}
	rnd := rand.New(rand.NewPCG(seed, 1<<20))
	for rest := data; len(rest) > 0; {
		n := min(rnd.IntN(1<<(1+rnd.IntN(20))), len(rest))
		if err := l.Append(rest[:n]); err != nil {
			t.Error(err)
		}
		rest = rest[n:]
	}
	wg.Wait()
}

// reader reads one log at its own pace.
type reader struct {
	walk
	log  *Log
	data []byte
	rand *rand.Rand
	held []heldPage
}

type heldPage struct {
	Page
	offset int64
}

func (r *reader) run() error {
	var at int64
	var crc uint64
	for at < int64(r.size) {
		if r.rand.IntN(20) < r.rounds/10 {
			if err := r.random(); err != nil {
				return err
			}
		}
		n, err := r.page(at)
		if err != nil {
			return err
		}
		crc = crc64.Update(crc, nvme, r.data[at:at+n])
		at += n
		if got, ok := r.log.Digest(at); ok && got != crc {
			return fmt.Errorf("Digest(%d) = %x, want %x", at, got, crc)
		}
		if n == 0 {
			runtime.Gosched()
		}
	}
	for range r.rounds {
		if err := r.random(); err != nil {
			return err
		}
	}
	return nil
}

// random looks at some place that is written already.
func (r *reader) random() error {
	size := r.log.Size()
	at := r.rand.Int64N(size + 1)
	switch r.rand.IntN(4) {
	case 0:
		if got, ok := r.log.Digest(at); ok && got != crc64.Checksum(r.data[:at], nvme) {
			return fmt.Errorf("Digest(%d) is wrong", at)
		}
	case 1:
		n := r.rand.IntN(MaxTail)
		if tail, ok := r.log.Tail(at, n); ok && !bytes.Equal(tail, r.data[max(at-int64(n), 0):at]) {
			return fmt.Errorf("Tail(%d, %d) is wrong", at, n)
		}
	default:
		if n, err := r.page(at); err != nil || n == 0 && at < size {
			return fmt.Errorf("Page(%d): %d bytes, %w", at, n, err)
		}
	}
	return nil
}

// page takes a Page and compares it, now and when it is released, some pages later.
func (r *reader) page(at int64) (int64, error) {
	page, err := r.log.Take(at, Pace(r.rand.IntN(3)))
	if r.rand.IntN(2) == 0 {
		page.Release()
		page, err = r.log.Page(at)
	}
	if e := (*EvictedError)(nil); errors.As(err, &e) {
		if at < e.Start || at >= e.End || e.Start != e.Block*BlockSize {
			return 0, fmt.Errorf("Page(%d): %w", at, err)
		}
		if r.rand.IntN(2) == 0 {
			if err := restore(r.log, e.Block, r.data[e.Start:e.End]); err != nil {
				return 0, err
			}
		}
		page, err = r.log.RestorePage(at, r.data[e.Start:e.End])
	}
	if err != nil {
		return 0, err
	}
	if r.rand.IntN(2) == 0 {
		page = page.Fit(Pace(r.rand.IntN(3)))
	}
	r.held = append(r.held, heldPage{page, at})
	if err := r.compare(len(r.held) - 1); err != nil {
		return 0, err
	}
	return int64(len(page.Data)), r.release(r.rand.IntN(mostHeld + 1))
}

func (r *reader) compare(i int) error {
	h := r.held[i]
	if !bytes.Equal(h.Data, r.data[h.offset:][:len(h.Data)]) {
		return fmt.Errorf("Page(%d), of %d bytes, is not the log's", h.offset, len(h.Data))
	}
	return nil
}

// release gives back all but so many Pages.
func (r *reader) release(keep int) error {
	for len(r.held) > keep {
		i := r.rand.IntN(len(r.held))
		if err := r.compare(i); err != nil {
			return err
		}
		if r.rand.IntN(10) == 0 {
			r.held[i].Abandon()
		} else {
			r.held[i].Release()
		}
		r.held = append(r.held[:i], r.held[i+1:]...)
	}
	return nil
}
