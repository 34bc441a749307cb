package spool

import (
	"bytes"
	"errors"
	"hash/crc64"
	"testing"
)

// script is a Pool with a few logs, driven by bytes and compared with what they should
// hold, and with itself, after every step.
type script struct {
	t    testing.TB
	pool *Pool
	file *memFile
	logs [3]model
	out  []outPage
	left []outPage // those that were abandoned
}

type model struct {
	log  *Log
	data []byte
}

// outPage is a Page that is out, with what it must hold as long as it is.
type outPage struct {
	Page
	want []byte
}

// appendSizes are around everything that has a size.
var appendSizes = [...]int{
	0, 1, 100, 4095, 4096, 4097, 70_000, BlockSize / 2, BlockSize - 1, BlockSize, BlockSize + 1, 2*BlockSize + 300,
}

// mostBytes keeps scripts quick.
const mostBytes = 8 * BlockSize

func FuzzScript(f *testing.F) {
	for seed := range uint64(24) {
		f.Add(byte(seed), byte(seed/2), randomBytes(seed, 400))
	}
	source := randomBytes(99, mostBytes)
	f.Fuzz(func(t *testing.T, memory, disk byte, ops []byte) {
		s := &script{t: t, file: &memFile{}}
		s.pool = onFile(t, int64(memory%5)*BlockSize, int64(disk%5)*BlockSize, s.file)
		for i := range s.logs {
			s.logs[i].log = s.pool.NewLog()
		}
		for ; len(ops) >= 3 && !t.Failed(); ops = ops[3:] {
			s.step(ops[0], ops[1], ops[2], source)
			s.check()
		}
		for _, m := range s.logs {
			m.log.Close()
		}
		s.releaseAll()
		s.check()
		if st := s.pool.Stats(); st.Memory != 0 || st.Disk != 0 {
			t.Errorf("left behind: %+v", st)
		}
	})
}

// step does one thing. The place that it is about comes from two bytes, and is often near
// the border of a block.
func (s *script) step(op, a, b byte, source []byte) {
	m := &s.logs[int(op>>4)%len(s.logs)]
	at := int64(a%8)*BlockSize + int64(int8(b))*int64(1+a>>6*100)
	switch op % 16 {
	case 0, 1, 2:
		n := min(appendSizes[int(a)%len(appendSizes)], mostBytes-len(m.data))
		data := source[len(m.data):][:n]
		appendAll(s.t, m.log, data)
		m.data = append(m.data, data...)
	case 3, 4:
		s.page(m, at)
	case 5, 6:
		s.take(m, at, Pace(b%3))
	case 7, 8:
		s.release(int(a))
	case 9:
		s.restore(m, int64(a%8), b)
	case 10, 11:
		s.restorePage(m, at)
	case 12:
		s.digest(m, at)
	case 13:
		n := int(a) * 5
		if tail, ok := m.log.Tail(at, n); ok && !bytes.Equal(tail, m.data[max(at-int64(min(n, MaxTail)), 0):at]) {
			s.t.Errorf("Tail(%d, %d) is wrong", at, n)
		}
	case 14:
		s.fault(a)
	case 15:
		m.log.Close()
		*m = model{log: s.pool.NewLog()}
	}
}

func (s *script) page(m *model, at int64) {
	page, err := m.log.Page(at)
	s.keep(m, at, page, err, errors.Is(err, ErrEvicted) && at/BlockSize < int64(len(m.data)/BlockSize))
}

// take is page, of which what comes may be a part.
func (s *script) take(m *model, at int64, pace Pace) {
	page, err := m.log.Take(at, pace)
	before := len(s.out)
	s.keep(m, at, page, err, errors.Is(err, ErrEvicted) && at/BlockSize < int64(len(m.data)/BlockSize))
	if len(s.out) == before {
		return
	}
	out := &s.out[before]
	if n := len(out.Data); n > len(out.want) || n == 0 && len(out.want) > 0 {
		s.t.Errorf("%d bytes of %d are left", n, len(out.want))
	}
	out.want = out.want[:len(out.Data)]
}

func (s *script) restorePage(m *model, at int64) {
	start := max(at, 0) / BlockSize * BlockSize
	end := start + BlockSize
	if at < 0 || end > int64(len(m.data)) {
		if _, err := m.log.RestorePage(at, make([]byte, BlockSize)); err != ErrBeyond {
			s.t.Errorf("RestorePage(%d): %v", at, err)
		}
		return
	}
	page, err := m.log.RestorePage(at, m.data[start:end])
	s.keep(m, at, page, err, false)
}

// keep compares a Page or an error with what should come of a read at that place.
func (s *script) keep(m *model, at int64, page Page, err error, mayFail bool) {
	size := int64(len(m.data))
	switch {
	case at < 0 || at > size:
		if err != ErrBeyond {
			s.t.Errorf("a Page at %d of %d bytes: %v", at, size, err)
		}
	case err != nil:
		if !mayFail {
			s.t.Errorf("a Page at %d of %d bytes: %v", at, size, err)
		}
	default:
		want := m.data[at:min((at/BlockSize+1)*BlockSize, size)]
		s.out = append(s.out, outPage{page, want})
	}
}

func (s *script) restore(m *model, block int64, how byte) {
	var data []byte
	want := ErrBeyond
	if end := int(block+1) * BlockSize; end <= len(m.data) {
		data, want = m.data[end-BlockSize:end], nil
		if how%4 == 0 {
			data, want = append(data[1:len(data):len(data)], data[0]^1), ErrDiffers
		}
	}
	if err := restore(m.log, block, data); !errors.Is(err, want) {
		s.t.Errorf("RestorePage of block %d: %v, want %v", block, err, want)
	}
}

func (s *script) digest(m *model, at int64) {
	crc, ok := m.log.Digest(at)
	size := int64(len(m.data))
	switch inside := at >= 0 && at <= size; {
	case ok && (!inside || crc != crc64.Checksum(m.data[:at], nvme)):
		s.t.Errorf("Digest(%d) is wrong", at)
	case !ok && inside && (at == size || at%BlockSize == 0 || at/BlockSize == size/BlockSize):
		s.t.Errorf("Digest(%d) of %d bytes is not known", at, size)
	}
}

func (s *script) fault(how byte) {
	f := s.file
	f.onOpen, f.onRead, f.onWrite, f.damaging, f.short = nil, nil, nil, false, false
	switch how % 8 {
	case 0:
		f.onOpen = refuse
	case 1:
		f.onRead = refuse
	case 2:
		f.onWrite = refuse
	case 3:
		f.damaging = true
	case 4:
		f.short = true
	}
}

func (s *script) release(i int) {
	if len(s.out) == 0 {
		return
	}
	from := i % 5
	i %= len(s.out)
	if from == 4 {
		s.left = append(s.left, s.out[i])
		s.out[i].Abandon()
	} else {
		s.out[i].Release()
	}
	s.out = append(s.out[:i], s.out[i+1:]...)
}

func (s *script) releaseAll() {
	for len(s.out) > 0 {
		s.release(0)
	}
}

func (s *script) check() {
	s.t.Helper()
	pages := make([]Page, len(s.out))
	for i, out := range s.out {
		pages[i] = out.Page
		if !bytes.Equal(out.Data, out.want) {
			s.t.Errorf("a Page of %d bytes changed", len(out.want))
		}
	}
	for _, out := range s.left {
		if !bytes.Equal(out.Data, out.want) {
			s.t.Errorf("an abandoned Page of %d bytes changed", len(out.want))
		}
	}
	check(s.t, s.pool, pages...)
	for _, m := range s.logs {
		if m.log.Size() != int64(len(m.data)) {
			s.t.Errorf("size %d, want %d", m.log.Size(), len(m.data))
		}
	}
}
