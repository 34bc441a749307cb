package gitlabjson

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"
)

// record says where the fields of an entity are in its wire form. Bits stand for
// fields by their index in the table.
type record struct {
	found    uint64 // fields that occur
	split    uint64 // repeated fields with others between their occurrences
	absent   uint64 // fields that have no member
	overlaid uint64 // fields whose member is in the residue
	// unmodelled is where the first entry of extra is that no field stands for, -1 if
	// there is none.
	unmodelled int
	// at is where a field's value is; of a field that occurs twice, the last counts. Of
	// a repeated one, it is the tag of the first occurrence. Of one that is overlaid, it
	// is the value of its last entry in extra.
	at [64]uint32
}

// read takes a wire form apart.
func (r *record) read(t *Table, wire []byte) bool {
	last := -1 // the field before
	for at := 0; at < len(wire); {
		begin := at
		tag, value := uint64(wire[at]), at+1
		if tag >= 0x80 {
			tag, value = longVarint(wire, at)
		}
		if value < 0 || badTag(tag) {
			return false
		}
		if at = pass(wire, value, tag); at < 0 {
			return false
		}
		i := -1
		switch number := tag >> 3; {
		case number < 64:
			i = int(t.index[number])
		case number == extraField && !r.extra(t, wire, tag, begin, value):
			return false
		case number == absentField && !r.leaveOut(t, wire, tag, value):
			return false
		}
		if i >= 0 && !r.field(&t.members[i], i, tag, begin, value, last) {
			return false
		}
		last = i
	}
	return true
}

// field notes an occurrence of field i, whose tag is at begin.
func (r *record) field(m *member, i int, tag uint64, begin, value, last int) bool {
	bit := uint64(1) << i
	switch {
	case tag != uint64(m.tag):
		return false
	case r.overlaid&bit != 0:
	case m.skip > 0:
		r.at[i] = uint32(value)
	case r.found&bit == 0:
		r.at[i] = uint32(begin)
	case last != i:
		r.split |= bit
	}
	r.found |= bit
	return true
}

// extra notes an occurrence of extra.
func (r *record) extra(t *Table, wire []byte, tag uint64, begin, value int) bool {
	var name []byte
	ok := true
	if protowire.Type(tag&7) == protowire.BytesType {
		b, _ := text(wire, value)
		name, _, ok = mapEntry(b)
	}
	if i := t.names.find(name); i >= 0 {
		r.overlaid |= 1 << i
		r.at[i] = uint32(value)
	} else if r.unmodelled < 0 {
		r.unmodelled = begin
	}
	return ok
}

// leaveOut notes an occurrence of absent, which is a number or a text of several.
func (r *record) leaveOut(t *Table, wire []byte, tag uint64, value int) bool {
	switch protowire.Type(tag & 7) {
	case protowire.VarintType:
		number, _ := varint(wire, value)
		r.absent |= t.bit(number)
	case protowire.BytesType:
		b, _ := text(wire, value)
		for at := 0; at < len(b); {
			var number uint64
			if number, at = varint(b, at); at < 0 {
				return false
			}
			r.absent |= t.bit(number)
		}
	}
	return true
}

// bit returns the bit of the field of that number, 0 if there is none.
func (t *Table) bit(number uint64) uint64 {
	if number < 64 && t.index[number] >= 0 {
		return 1 << t.index[number]
	}
	return 0
}

// overlay returns the text of an entry of extra, whose value is at that place.
func overlay(wire []byte, at int) []byte {
	b, _ := text(wire, at)
	_, raw, _ := mapEntry(b)
	return raw
}

// mayHaveResidue says whether wire holds something like the tag of extra or absent,
// be it in an entity within. Such bytes are never next to each other in text.
func mayHaveResidue(wire []byte) bool {
	// The first byte has the low bits of the number and the wire type.
	const first, second = 0xc0, extraField >> 4
	for at := 0; ; at++ {
		n := bytes.IndexByte(wire[at:], second)
		if n < 0 {
			return false
		}
		if at += n; at > 0 && wire[at-1]&0xf0 == first {
			return true
		}
	}
}
