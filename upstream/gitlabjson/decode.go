package gitlabjson

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

// AppendWire appends the wire form of the JSON object in json to dst. On an
// error, an [*Error], the result is dst as it was.
func (t *Table) AppendWire(dst, json []byte) ([]byte, error) {
	room := newScratch()
	defer scratches.Put(room)
	d := decoder{scanner: scanner{src: json, depth: 1}, dst: dst, names: room.names[:0]}
	if d.peek() != '{' {
		d.fail("an object")
	} else if d.object(t, nil) {
		d.end()
	}
	return d.result(dst)
}

// AppendWireList appends the elements of the JSON array of objects in json to
// dst, each as one occurrence of the repeated field of that number. On an error,
// an [*Error], the result is dst as it was.
func (t *Table) AppendWireList(dst, json []byte, number protowire.Number) ([]byte, error) {
	room := newScratch()
	defer scratches.Put(room)
	room.memos = memos{}
	d := decoder{scanner: scanner{src: json}, dst: dst, names: room.names[:0], memos: &room.memos}
	var tag [protowireMax]byte
	list := field{
		tag: string(protowire.AppendTag(tag[:0], number, protowire.BytesType)), sub: t, width: 2, memo: maxMemos,
	}
	if d.peek() != '[' {
		d.fail("an array")
	} else if ok, _ := d.entities(&list); ok {
		d.end()
	} else {
		d.fail("an object")
	}
	return d.result(dst)
}

const protowireMax = 10

// HasMember says whether the JSON object in json has a member of that name. It is
// false for a text that is not an object.
func HasMember(json []byte, name string) bool {
	s := scanner{src: json}
	if s.peek() != '{' {
		return false
	}
	s.pos++
	if s.peek() == '}' {
		return false
	}
	for {
		if s.peek() != '"' {
			return false
		}
		start, end, _, ok := s.str()
		if !ok || !s.colon() {
			return false
		}
		if string(json[start:end]) == name {
			return true
		}
		if !s.skip() {
			return false
		}
		if more, ok := s.separator('}'); !ok || !more {
			return false
		}
	}
}

// decoder appends to dst the wire form of what it scans.
type decoder struct {
	scanner
	dst   []byte
	names []span // names of the objects being read that must not come twice
	memos *memos // nil unless a list is read

	residues int // entries of the residue so far
}

// scratch is memory that a decoder needs while it runs.
type scratch struct {
	names [16]span
	memos memos
}

var scratches sync.Pool

func newScratch() *scratch {
	if s, ok := scratches.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

// span is a place in dst.
type span struct{ start, end int }

func (d *decoder) result(dst []byte) ([]byte, error) {
	if d.err != nil {
		return dst, d.err
	}
	return d.dst, nil
}

// object reads an entity, whose opening brace is next. last is nil, or says of
// each member which of its occurrences counts (see again).
func (d *decoder) object(t *Table, last map[string]int) bool {
	begin, mark, base := d.pos, len(d.dst), len(d.names)
	var seen uint64
	next, nth := 0, 0
	d.pos++
	for more := d.peek() != '}'; more; nth++ {
		at, name, ok := d.member(t, next)
		if !ok {
			return false
		}
		switch {
		case last != nil && last[string(name)] != nth:
			if !d.skip() {
				return false
			}
		case at < 0:
			if !d.unknown(t, name) {
				return false
			}
			if last == nil && !d.fresh(base) {
				return d.again(t, begin, mark, base)
			}
		default:
			if seen>>at&1 != 0 {
				return d.again(t, begin, mark, base)
			}
			seen |= 1 << at
			next = at + 1
			if !d.value(t, &t.fields[at]) {
				return false
			}
		}
		if d.pos < len(d.src) && d.src[d.pos] == ',' {
			d.pos++
		} else if more, ok = d.separator('}'); !ok {
			return false
		}
	}
	if nth == 0 {
		d.pos++
	}
	d.names = d.names[:base]
	if missing := t.always &^ seen; missing != 0 {
		d.absent(t, missing)
	}
	return true
}

// again reads an entity in which a member comes twice: the last one counts. It
// first looks where that is.
func (d *decoder) again(t *Table, begin, mark, base int) bool {
	d.names = d.names[:base]
	last := map[string]int{}
	d.pos = begin + 1
	for nth := 0; ; nth++ {
		_, name, ok := d.member(t, len(t.fields))
		if !ok || !d.skip() {
			return false
		}
		last[string(name)] = nth
		more, ok := d.separator('}')
		if !ok {
			return false
		}
		if !more {
			break
		}
	}
	d.pos = begin
	d.truncate(mark)
	return d.object(t, last)
}

// member reads a member's name and colon and returns the index of its field, -1
// if it has none, and its name. It first tries the fields from next on, since
// members mostly come in the order of the contract; of those the name is nil
// unless asked for by next beyond the last field.
func (d *decoder) member(t *Table, next int) (at int, name []byte, ok bool) {
	if d.peek() != '"' {
		return -1, nil, d.fail("a member's name")
	}
	for at := next; at < len(t.fields) && at < next+3; at++ {
		q := t.fields[at].quoted
		if len(d.src)-d.pos >= len(q) && string(d.src[d.pos:d.pos+len(q)]) == q {
			d.pos += len(q)
			return at, d.src[d.pos-len(q)+1 : d.pos-2], true
		}
	}
	name, ok = d.name()
	if !ok || !d.colon() {
		return -1, nil, false
	}
	return t.names.find(name), name, true
}

// name reads a member's name in the form of the residue: decoded, or as raw JSON
// text if it begins with a quote or cannot be decoded.
func (d *decoder) name() ([]byte, bool) {
	start, end, plain, ok := d.str()
	if !ok {
		return nil, false
	}
	raw := d.src[start:end]
	if plain {
		return raw, true
	}
	name, ok := appendUnescaped(nil, raw)
	if !ok {
		return d.src[start-1 : end+1], true
	}
	if len(name) > 0 && name[0] == '"' {
		return appendQuoted(nil, name), true
	}
	return name, true
}

// open leaves room for the length of what follows, width bytes for a start.
func (d *decoder) open(width int) int {
	d.dst = append(d.dst, 0, 0)[:len(d.dst)+width]
	return len(d.dst)
}

// close writes the length of what was appended since open, and moves that if the
// length takes more or fewer bytes than expected.
func (d *decoder) close(at, width int) {
	size := len(d.dst) - at
	if size < 128 && width == 1 {
		d.dst[at-1] = byte(size)
		return
	}
	if need := protowire.SizeVarint(uint64(size)); need != width {
		d.dst = append(d.dst, make([]byte, max(0, need-width))...)
		copy(d.dst[at+need-width:], d.dst[at:at+size])
		d.dst = d.dst[:at+need-width+size]
		d.forget(at)
		at += need - width
		width = need
	}
	protowire.AppendVarint(d.dst[at-width:at-width:at], uint64(size))
}
