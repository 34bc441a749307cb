package gitlabjson

import (
	"encoding/binary"
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

var errWire = errors.New("gitlabjson: malformed wire form")

// AppendJSON appends GitLab's JSON for the entity whose wire form is wire: the
// modelled fields in the order of the contract, overlaid with the residue. It
// fails on bytes that are not the wire form of the table's message. It may write
// into dst beyond the end of the result, as far as dst has room.
func (t *Table) AppendJSON(dst, wire []byte) ([]byte, error) {
	e := encoder{wary: mayHaveResidue(wire)}
	out, ok := e.object(dst, t, wire)
	if !ok {
		return dst, errWire
	}
	return out, nil
}

// AppendJSONList appends the JSON array of the entities that wire holds as
// occurrences of the repeated field of that number. Other fields are passed over.
// It writes into dst as AppendJSON does.
func (t *Table) AppendJSONList(dst, wire []byte, number protowire.Number) ([]byte, error) {
	var room copies
	e := encoder{copies: &room}
	list := occurrences{wire: wire, tag: protowire.EncodeTag(number, protowire.BytesType), all: true}
	out, ok := e.objects(dst, t, &list)
	if !ok {
		return dst, errWire
	}
	return out, nil
}

// encoder is what the writing of a text needs besides the text. The text is handed
// from function to function: in memory it would be slower.
type encoder struct {
	copies *copies // nil unless a list is written
	wary   bool    // entities are looked through for a residue before they are taken for plain
}

// object appends an entity.
func (e *encoder) object(dst []byte, t *Table, wire []byte) ([]byte, bool) {
	if !e.wary || !mayHaveResidue(wire) {
		if out, ok := e.plain(dst, t, wire); ok {
			return out, true
		}
		e.wary = true
		e.copies.forget(len(dst))
	}
	return e.overlaid(dst, t, wire)
}

// plain appends an entity whose fields come in the order of the table, each once, with
// no residue and no other fields. That is what most are, and one pass is enough for
// them. ok is false for others.
func (e *encoder) plain(dst []byte, t *Table, wire []byte) (out []byte, ok bool) {
	begin, at := len(dst), 0
	for i := range t.members {
		m := &t.members[i]
		if at+2 <= len(wire) && binary.LittleEndian.Uint16(wire[at:])&m.mask == m.first {
			if dst, at = e.value(m.name.append(dst), m, wire, at+int(m.skip)); at < 0 {
				return dst, false
			}
		} else if m.always {
			dst = m.appendZero(m.name.append(dst))
		}
	}
	return closeObject(dst, begin), at == len(wire)
}

// overlaid appends any entity.
func (e *encoder) overlaid(dst []byte, t *Table, wire []byte) ([]byte, bool) {
	r := record{unmodelled: -1}
	if !r.read(t, wire) {
		return dst, false
	}
	begin := len(dst)
	for i := range t.members {
		m := &t.members[i]
		bit, at := uint64(1)<<(i&63), int(r.at[i&63])
		switch {
		case r.overlaid&bit != 0:
			dst = append(m.name.append(dst), overlay(wire, at)...)
		case r.absent&bit != 0:
		case r.found&bit == 0:
			if m.always {
				dst = m.appendZero(m.name.append(dst))
			}
		case r.split&bit != 0:
			o := occurrences{wire: wire, at: at, tag: uint64(m.tag), all: true}
			if dst, at = e.repeated(m.name.append(dst), m, &o); at < 0 {
				return dst, false
			}
		default:
			if dst, at = e.value(m.name.append(dst), m, wire, at); at < 0 {
				return dst, false
			}
		}
	}
	if r.unmodelled >= 0 {
		dst = t.appendUnmodelled(dst, wire[r.unmodelled:])
	}
	return closeObject(dst, begin), true
}

// value appends the value of a field that is at that place in wire and returns the
// place behind it, -1 on a fault.
func (e *encoder) value(dst []byte, m *member, wire []byte, at int) (out []byte, next int) {
	var n uint64
	var b []byte
	var ok bool
	switch m.kind {
	case kindInt:
		n, at = varint(wire, at)
		return appendInt(dst, int64(n)), at
	case kindBool:
		n, at = varint(wire, at)
		return appendBool(dst, n != 0), at
	case kindEnum:
		n, at = varint(wire, at)
		return m.appendWord(dst, n), at
	case kindDouble:
		if at+8 > len(wire) {
			return dst, -1
		}
		n = binary.LittleEndian.Uint64(wire[at:])
		return appendDouble(dst, math.Float64frombits(n)), at + 8
	case kindString:
		b, at = text(wire, at)
		return appendQuoted(dst, b), at
	case kindTime:
		b, at = text(wire, at)
		dst, ok = appendTimestamp(dst, b)
	case kindEntity:
		b, at = text(wire, at)
		dst, ok = e.entity(dst, m, b)
	case kindFree:
		b, at = text(wire, at)
		dst, ok = appendStruct(dst, b)
	default:
		o := occurrences{wire: wire, at: at, tag: uint64(m.tag)}
		return e.repeated(dst, m, &o)
	}
	if !ok {
		return dst, -1
	}
	return dst, at
}

// repeated appends the value of a repeated field and returns the place behind its
// occurrences, -1 on a fault.
func (e *encoder) repeated(dst []byte, m *member, o *occurrences) (out []byte, next int) {
	ok := true
	switch m.kind {
	case kindEntities:
		dst, ok = e.objects(dst, m.sub, o)
	case kindStrings:
		dst = appendTexts(dst, o)
	default:
		dst, ok = appendMap(dst, o, m.kind)
	}
	if !ok || o.bad {
		return dst, -1
	}
	return dst, o.at
}

// objects appends the array of the entities that o reads.
func (e *encoder) objects(dst []byte, t *Table, o *occurrences) ([]byte, bool) {
	begin := len(dst)
	for b, more := o.next(); more; b, more = o.next() {
		var ok bool
		if dst, ok = e.object(append(dst, ','), t, b); !ok {
			return dst, false
		}
	}
	return closeArray(dst, begin), !o.bad
}
