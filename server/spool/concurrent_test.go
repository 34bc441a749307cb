package spool

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// gate lets calls of the file wait until it is opened, and then gives them its error.
type gate struct {
	open chan struct{}
	err  error
}

func newGate(err error) *gate { return &gate{make(chan struct{}), err} }

func (g *gate) pass() error { <-g.open; return g.err }

// TestReadOnce has many readers come for one block while it is read from disk.
func TestReadOnce(t *testing.T) {
	for name, fault := range map[string]error{"read": nil, "failed": errDisk} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(fault)
				f := &memFile{onRead: g.pass}
				p := onFile(t, BlockSize, 4*BlockSize, f)
				l, data := p.NewLog(), randomBytes(1, 2*BlockSize)
				appendAll(t, l, data)
				pages := make([]Page, 8)
				for i := range pages {
					go func() {
						page, err := l.Page(int64(i))
						if (fault != nil) != errors.Is(err, ErrEvicted) {
							t.Errorf("error %v", err)
						}
						pages[i] = page
					}()
				}
				synctest.Wait()
				close(g.open)
				synctest.Wait()
				if f.reads != 1 {
					t.Errorf("%d reads", f.reads)
				}
				check(t, p, pages...)
				for i, page := range pages {
					if fault == nil {
						wantData(t, page, int64(i), data)
					}
					page.Release()
				}
				check(t, p)
			})
		})
	}
}

// room is for one block and some small logs.
const room = BlockSize + 64<<10

const nothing = -1

// TestWhileWriting lets something happen while the first of two blocks is written to disk.
func TestWhileWriting(t *testing.T) {
	for name, c := range map[string]struct {
		page       int64 // where one is taken
		then       func(l *Log, page Page)
		ok, failed string // where the blocks are afterwards
	}{
		"nothing":                 {nothing, nil, "DM", "-M"},
		"it is read":              {5, nil, "BD", "M-"},
		"it is read and released": {5, func(_ *Log, page Page) { page.Release() }, "DM", "-M"},
		"another is read":         {BlockSize, nil, "DM", "-M"},
		"the log is closed":       {nothing, func(l *Log, _ Page) { l.Close() }, "", ""},
		"it is read and closed":   {5, func(l *Log, _ Page) { l.Close() }, "", ""},
		"the pool is closed":      {5, func(l *Log, _ Page) { l.pool.Close() }, "", ""},
	} {
		for want, fault := range map[string]error{c.ok: nil, c.failed + " ": errDisk} {
			t.Run(fmt.Sprint(name, ", error ", fault), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := newGate(fault)
					p := onFile(t, room, 4*BlockSize, &memFile{onWrite: g.pass})
					l, data := p.NewLog(), randomBytes(1, 2*BlockSize)
					go l.Append(data)
					synctest.Wait()
					var out []Page
					if c.page != nothing {
						out = append(out, mustPage(t, l, c.page, data))
					}
					if c.then != nil {
						c.then(l, append(out, Page{})[0])
					}
					if strings.Contains(name, "released") {
						out = nil
					}
					p.NewLog().Append([]byte("others go on"))
					close(g.open)
					synctest.Wait()
					wantWhere(t, l, strings.TrimSpace(want))
					check(t, p, out...)
					for _, page := range out {
						wantData(t, page, c.page, data)
						page.Release()
					}
					check(t, p)
				})
			})
		}
	}
}

// TestWhileReading lets something happen while a block is read from a disk that is full.
func TestWhileReading(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(l *Log, data []byte)
		want      error
		where     string // while the Page is out
	}{
		"nothing":            {func(*Log, []byte) {}, nil, "BM"},
		"the log is closed":  {func(l *Log, _ []byte) { l.Close() }, ErrClosed, ""},
		"the pool is closed": {func(l *Log, _ []byte) { l.pool.Close() }, ErrClosed, ""},
		"others need room":   {func(l *Log, data []byte) { l.pool.NewLog().Append(data) }, nil, "B-"},
		"closed, and others need room": {func(l *Log, data []byte) {
			l.Close()
			l.pool.NewLog().Append(data)
		}, ErrClosed, ""},
		"it is restored": {func(l *Log, data []byte) { go restore(l, 0, data[:BlockSize]) }, nil, "BM"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(nil)
				p := onFile(t, room+BlockSize, BlockSize, &memFile{onRead: g.pass})
				l, data := p.NewLog(), randomBytes(1, 3*BlockSize)
				appendAll(t, l, data[:BlockSize])
				fill := p.NewLog()
				appendAll(t, fill, data[:BlockSize])
				appendAll(t, l, data[BlockSize:2*BlockSize])
				fill.Close()
				wantWhere(t, l, "DM")
				var pages [2]Page
				for i := range pages {
					go func() {
						var err error
						if pages[i], err = l.Page(int64(i)); !errors.Is(err, c.want) {
							t.Errorf("error %v, want %v", err, c.want)
						}
					}()
				}
				synctest.Wait()
				c.meanwhile(l, data)
				close(g.open)
				synctest.Wait()
				wantWhere(t, l, c.where)
				check(t, p, pages[:]...)
				if s := p.Stats(); s.Spilled != 1 {
					t.Error("the place of the block was written to")
				}
				for i, page := range pages {
					if c.want == nil {
						wantData(t, page, int64(i), data[:2*BlockSize])
					}
					page.Release()
				}
				check(t, p)
			})
		})
	}
}

// TestCloseWhileOpening closes the Pool while its file is made.
func TestCloseWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(nil)
		f := &memFile{onOpen: g.pass}
		p := onFile(t, 0, BlockSize, f)
		go p.NewLog().Append(make([]byte, BlockSize))
		synctest.Wait()
		p.Close()
		close(g.open)
		synctest.Wait()
		check(t, p)
		if f.closed != 1 || f.writes != 0 {
			t.Errorf("closed %d times, %d writes", f.closed, f.writes)
		}
	})
}

// TestCloseWhileAppending closes the log between the steps of a writer.
func TestCloseWhileAppending(t *testing.T) {
	for name, before := range map[string]int{"a new block": 0, "a block with room": 10, "a block that grows": smallestBuffer} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, Config{Memory: 1 << 30})
			l := p.NewLog()
			appendAll(t, l, make([]byte, before))
			buf, err := l.room(1)
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			if s := p.Stats(); s.Memory == 0 {
				t.Error("the writer's memory is free already")
			}
			if err := l.publish(buf, 1, 0); err != ErrClosed {
				t.Errorf("error %v", err)
			}
			check(t, p)
		})
	}
}
