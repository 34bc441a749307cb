package gitlabjson

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxFree is how deep a free object may be nested to be given as a Struct: each
// level takes three of protobuf's, and readers in several languages stop at 100.
// What is deeper is in the residue alone.
const maxFree = 30

// Fields of google.protobuf.Struct, ListValue and Value.
const (
	structFields = 1<<3 | byte(protowire.BytesType)
	listValues   = 1<<3 | byte(protowire.BytesType)
	valueNull    = 1<<3 | byte(protowire.VarintType)
	valueNumber  = 2<<3 | byte(protowire.Fixed64Type)
	valueString  = 3<<3 | byte(protowire.BytesType)
	valueBool    = 4<<3 | byte(protowire.VarintType)
	valueStruct  = 5<<3 | byte(protowire.BytesType)
	valueList    = 6<<3 | byte(protowire.BytesType)
)

// free reads any object into a google.protobuf.Struct. exact is false if a number
// is not written as a Struct gives it back, or a name comes twice.
func (d *decoder) free(f *field) (fits, exact bool) {
	d.dst = append(d.dst, f.tag...)
	at := d.open(1)
	if fits, exact = d.freeObject(0); fits {
		d.close(at, 1)
	}
	return fits, exact
}

func (d *decoder) freeObject(depth int) (fits, exact bool) {
	d.pos++
	if d.peek() == '}' {
		d.pos++
		return true, true
	}
	base := len(d.names)
	exact = true
	for more := true; more; {
		d.dst = append(d.dst, structFields)
		at := d.open(1)
		if !d.mapKey() {
			return false, false
		}
		fresh := d.fresh(base)
		d.dst = append(d.dst, valueTag)
		fits, same := d.freeValue(depth)
		if !fits {
			return false, false
		}
		exact = exact && same && fresh
		var ok bool
		if more, ok = d.separator('}'); !ok {
			return false, false
		}
		d.closeNamed(at, 1)
	}
	d.names = d.names[:base]
	return true, exact
}

func (d *decoder) freeArray(depth int) (fits, exact bool) {
	d.pos++
	if d.peek() == ']' {
		d.pos++
		return true, true
	}
	exact = true
	for more := true; more; {
		d.dst = append(d.dst, listValues)
		fits, same := d.freeValue(depth)
		if !fits {
			return false, false
		}
		exact = exact && same
		var ok bool
		if more, ok = d.separator(']'); !ok {
			return false, false
		}
	}
	return true, exact
}

// freeValue reads any value into a google.protobuf.Value with its length.
func (d *decoder) freeValue(depth int) (fits, exact bool) {
	at := d.open(1)
	exact = true
	switch c := d.peek(); {
	case c == 'n':
		d.dst = append(d.dst, valueNull, 0)
		fits = d.literal("null")
	case c == 't':
		d.dst = append(d.dst, valueBool, 1)
		fits = d.literal("true")
	case c == 'f':
		d.dst = append(d.dst, valueBool, 0)
		fits = d.literal("false")
	case c == '"':
		start, end, plain, ok := d.str()
		d.dst = append(d.dst, valueString)
		fits = ok && d.contents(start, end, plain)
	case number(c):
		fits, exact = d.freeNumber()
	case depth == maxFree && (c == '{' || c == '['):
		return false, false
	case c == '{':
		d.dst = append(d.dst, valueStruct)
		inner := d.open(1)
		if fits, exact = d.freeObject(depth + 1); fits {
			d.close(inner, 1)
		}
	case c == '[':
		d.dst = append(d.dst, valueList)
		inner := d.open(1)
		if fits, exact = d.freeArray(depth + 1); fits {
			d.close(inner, 1)
		}
	default:
		d.fail("a value")
	}
	if fits {
		d.close(at, 1)
	}
	return fits, exact
}

func (d *decoder) freeNumber() (fits, exact bool) {
	start, end, _, ok := d.number()
	if !ok {
		return false, false
	}
	text := d.src[start:end]
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return false, false
	}
	d.dst = binary.LittleEndian.AppendUint64(append(d.dst, valueNumber), math.Float64bits(n))
	return true, bytes.Equal(appendFreeNumber(nil, n), text)
}
