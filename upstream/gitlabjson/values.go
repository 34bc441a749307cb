package gitlabjson

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// value reads the value of a member into its field, and into the residue if the
// field alone would not give it back.
func (d *decoder) value(t *Table, f *field) bool {
	c := d.peek()
	if c == 'n' && f.nullable {
		return d.literal("null")
	}
	start, mark, base, depth := d.pos, len(d.dst), len(d.names), d.depth
	fits, exact := false, true
	switch f.kind {
	case kindString:
		fits = c == '"' && d.text(f)
	case kindTime:
		if c == '"' {
			fits, exact = d.time(f)
		}
	case kindInt:
		if number(c) {
			fits, exact = d.int(f)
		}
	case kindDouble:
		if number(c) {
			fits, exact = d.double(f)
		}
	case kindBool:
		fits = (c == 't' || c == 'f') && d.bool(f, c)
	case kindEnum:
		if c == '"' {
			fits, exact = d.enum(t, f)
		}
	case kindEntity:
		fits = c == '{' && d.entity(f)
	case kindEntities:
		if c == '[' {
			fits, exact = d.entities(f)
		}
	case kindStrings:
		fits = c == '[' && d.texts(f.tag)
	case kindMap, kindListMap:
		if c == '{' {
			fits, exact = d.stringMap(f)
		}
	case kindFree:
		if c == '{' {
			fits, exact = d.free(f)
		}
	}
	if fits && exact {
		return true
	}
	if d.err != nil {
		return false
	}
	d.names, d.depth = d.names[:base], depth
	if !fits {
		d.truncate(mark)
		d.pos = start
		if !d.skip() {
			return false
		}
	}
	d.extra([]byte(f.name), d.src[start:d.pos])
	d.names = d.names[:base]
	return true
}

func number(c byte) bool { return c == '-' || c-'0' <= 9 }

// text reads a string. It returns false for one with a lone surrogate.
func (d *decoder) text(f *field) bool {
	start, end, plain, ok := d.str()
	if !ok {
		return false
	}
	if start == end && !f.presence {
		return true
	}
	d.dst = append(d.dst, f.tag...)
	return d.contents(start, end, plain)
}

// contents appends a string's length and text.
func (d *decoder) contents(start, end int, plain bool) bool {
	if plain {
		d.dst = protowire.AppendVarint(d.dst, uint64(end-start))
		d.dst = append(d.dst, d.src[start:end]...)
		return true
	}
	width := 1
	if end-start >= 128 {
		width = 2
	}
	at := d.open(width)
	dst, ok := appendUnescaped(d.dst, d.src[start:end])
	d.dst = dst
	if ok {
		d.close(at, width)
	}
	return ok
}

func (d *decoder) time(f *field) (fits, exact bool) {
	start, end, plain, ok := d.str()
	if !ok || !plain {
		return false, false
	}
	seconds, nanos, exact, ok := parseTime(d.src[start:end])
	if !ok {
		return false, false
	}
	d.dst = append(d.dst, f.tag...)
	at := d.open(1)
	if seconds != 0 {
		d.dst = protowire.AppendVarint(append(d.dst, 1<<3), uint64(seconds))
	}
	if nanos != 0 {
		d.dst = protowire.AppendVarint(append(d.dst, 2<<3), uint64(nanos))
	}
	d.close(at, 1)
	return true, exact
}

func (d *decoder) int(f *field) (fits, exact bool) {
	start, end, whole, ok := d.number()
	if !ok {
		return false, false
	}
	n, exact, fits := parseInt(d.src[start:end], whole)
	if fits && (n != 0 || f.presence) {
		d.dst = protowire.AppendVarint(append(d.dst, f.tag...), uint64(n))
	}
	return fits, exact
}

func (d *decoder) double(f *field) (fits, exact bool) {
	start, end, _, ok := d.number()
	if !ok {
		return false, false
	}
	n, exact, fits := parseDouble(d.src[start:end])
	if fits {
		d.dst = binary.LittleEndian.AppendUint64(append(d.dst, f.tag...), math.Float64bits(n))
	}
	return fits, exact
}

func (d *decoder) bool(f *field, c byte) bool {
	if c == 't' {
		d.dst = append(append(d.dst, f.tag...), 1)
		return d.literal("true")
	}
	if f.presence {
		d.dst = append(append(d.dst, f.tag...), 0)
	}
	return d.literal("false")
}

// enum reads a word. One that the contract lacks is counted and goes into the
// residue; a field with presence is then set to the zero value, so that it is
// told from null.
func (d *decoder) enum(t *Table, f *field) (fits, exact bool) {
	start, end, plain, ok := d.str()
	if !ok {
		return false, false
	}
	n := -1
	if plain {
		n = f.words.find(d.src[start:end])
	}
	if n > 0 {
		d.dst = protowire.AppendVarint(append(d.dst, f.tag...), uint64(n))
		return true, true
	}
	t.drift.count(append([]byte(f.name+"="), d.src[start:end]...))
	if f.presence {
		d.dst = append(append(d.dst, f.tag...), 0)
	}
	return true, false
}

func (d *decoder) entity(f *field) bool {
	if d.recall(f) {
		return true
	}
	json, wire, residues := d.pos, len(d.dst), d.residues
	d.dst = append(d.dst, f.tag...)
	at := d.open(f.width)
	d.depth++
	if !d.object(f.sub, nil) {
		return false
	}
	d.depth--
	d.close(at, f.width)
	d.remember(f, json, wire, residues)
	return true
}

// entities reads an array of objects. It does not fit if an element is another
// kind of value.
func (d *decoder) entities(f *field) (fits, exact bool) {
	d.pos++
	if d.peek() == ']' {
		d.pos++
		return true, true
	}
	d.depth++
	for more := true; more; {
		if d.peek() != '{' || !d.entity(f) {
			return false, false
		}
		var ok bool
		if more, ok = d.separator(']'); !ok {
			return false, false
		}
	}
	d.depth--
	return true, true
}

// texts reads an array of strings. It returns false if an element is another
// kind of value.
func (d *decoder) texts(tag string) bool {
	d.pos++
	if d.peek() == ']' {
		d.pos++
		return true
	}
	for more := true; more; {
		if d.peek() != '"' {
			return false
		}
		start, end, plain, ok := d.str()
		if !ok {
			return false
		}
		d.dst = append(d.dst, tag...)
		if !d.contents(start, end, plain) {
			return false
		}
		if more, ok = d.separator(']'); !ok {
			return false
		}
	}
	return true
}
