package gitlabjson

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

var errWire = errors.New("gitlabjson: malformed wire form")

// AppendJSON appends GitLab's JSON for the entity whose wire form is wire: the
// modelled fields in the order of the contract, overlaid with the residue. It
// fails on bytes that are not the wire form of the table's message.
func (t *Table) AppendJSON(dst, wire []byte) ([]byte, error) {
	out, ok := t.appendObject(dst, wire)
	if !ok {
		return dst, errWire
	}
	return out, nil
}

// AppendJSONList appends the JSON array of the entities that wire holds as
// occurrences of the repeated field of that number. Other fields are passed over.
func (t *Table) AppendJSONList(dst, wire []byte, number protowire.Number) ([]byte, error) {
	out := append(dst, '[') //nolint:gocritic // on an error dst stays as it was
	ok := eachBytes(wire, number, func(entity []byte) bool {
		if out[len(out)-1] != '[' {
			out = append(out, ',')
		}
		var ok bool
		out, ok = t.appendObject(out, entity)
		return ok
	})
	if !ok {
		return dst, errWire
	}
	return append(out, ']'), nil
}

// record is the wire form of an entity, taken apart.
type record struct {
	wire  []byte
	found uint64 // fields that occur, by index in the table
	// at is where a field's value begins; of a repeated field, where the tag of its
	// first occurrence does; of another field that occurs twice, the last counts.
	at     [64]uint32
	extra  []residue
	absent uint64
}

type residue struct {
	name, raw []byte
	used      bool
}

func (t *Table) appendObject(dst, wire []byte) ([]byte, bool) {
	var room [8]residue
	r := record{wire: wire, extra: room[:0]}
	if !r.read(t) {
		return dst, false
	}
	begin := len(dst)
	dst = append(dst, '{')
	for i := range t.fields {
		f := &t.fields[i]
		x := r.overlay(f.name)
		if x == nil && (r.absent>>i&1 != 0 || !f.always && r.found>>i&1 == 0) {
			continue
		}
		dst = append(dst, f.quoted...)
		if x != nil {
			dst = append(dst, x.raw...)
		} else {
			var ok bool
			if dst, ok = f.appendValue(dst, &r, i); !ok {
				return dst, false
			}
		}
		dst = append(dst, ',')
	}
	for i := range r.extra {
		if x := &r.extra[i]; !x.used {
			r.overlay(string(x.name))
			dst = append(appendName(dst, x.name), ':')
			dst = append(append(dst, x.raw...), ',')
		}
	}
	if len(dst) > begin+1 {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}'), true
}

// appendName appends a member's name from the form that the residue keeps it in.
func appendName(dst, name []byte) []byte {
	if len(name) > 0 && name[0] == '"' {
		return append(dst, name...)
	}
	return appendQuoted(dst, name)
}

// overlay returns the residue of that name, nil if there is none, and marks it as
// used; of several, the last one counts.
func (r *record) overlay(name string) *residue {
	var last *residue
	for i := range r.extra {
		if x := &r.extra[i]; string(x.name) == name {
			if last != nil {
				last.raw = x.raw
			} else {
				last = x
			}
			x.used = true
		}
	}
	return last
}

// read takes the wire form apart.
func (r *record) read(t *Table) bool {
	for at := 0; at < len(r.wire); {
		number, typ, n := protowire.ConsumeTag(r.wire[at:])
		if n < 0 {
			return false
		}
		v, m := consumeValue(r.wire[at+n:], number, typ)
		if m < 0 {
			return false
		}
		switch {
		case number == extraField:
			if !r.readExtra(v.bytes) {
				return false
			}
		case number == absentField:
			if !r.readAbsent(t, v, typ) {
				return false
			}
		case number < 64 && t.index[number] >= 0:
			i := t.index[number]
			f := &t.fields[i]
			if typ != wireTypes[f.kind] {
				return false
			}
			if !f.repeated() {
				r.at[i] = uint32(at + n)
			} else if r.found>>i&1 == 0 {
				r.at[i] = uint32(at)
			}
			r.found |= 1 << i
		}
		at += n + m
	}
	return true
}

// wireValue is the value of one field.
type wireValue struct {
	bits  uint64 // of a number
	bytes []byte // of text or a message
}

// consumeValue reads the value that follows a tag; n is negative on a fault.
func consumeValue(b []byte, number protowire.Number, typ protowire.Type) (v wireValue, n int) {
	switch typ {
	case protowire.VarintType:
		v.bits, n = protowire.ConsumeVarint(b)
	case protowire.Fixed64Type:
		v.bits, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		v.bytes, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(number, typ, b)
	}
	return v, n
}

func (r *record) readExtra(entry []byte) bool {
	var x residue
	for len(entry) > 0 {
		number, typ, n := protowire.ConsumeTag(entry)
		if n < 0 {
			return false
		}
		v, m := consumeValue(entry[n:], number, typ)
		if m < 0 {
			return false
		}
		switch number {
		case 1:
			x.name = v.bytes
		case 2:
			x.raw = v.bytes
		}
		entry = entry[n+m:]
	}
	r.extra = append(r.extra, x)
	return true
}

func (r *record) readAbsent(t *Table, v wireValue, typ protowire.Type) bool {
	mark := func(number uint64) {
		if number < 64 && t.index[number] >= 0 {
			r.absent |= 1 << t.index[number]
		}
	}
	if typ == protowire.VarintType {
		mark(v.bits)
		return true
	}
	for b := v.bytes; len(b) > 0; {
		number, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return false
		}
		mark(number)
		b = b[n:]
	}
	return true
}

// eachBytes calls yield with each occurrence of a length-delimited field.
func eachBytes(wire []byte, field protowire.Number, yield func([]byte) bool) bool {
	for len(wire) > 0 {
		number, typ, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return false
		}
		v, m := consumeValue(wire[n:], number, typ)
		if m < 0 || number == field && (typ != protowire.BytesType || !yield(v.bytes)) {
			return false
		}
		wire = wire[n+m:]
	}
	return true
}
