package gitlabjson

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// appendValue appends the JSON value of field i of a record: that of the unset
// field if it does not occur.
func (f *field) appendValue(dst []byte, r *record, i int) ([]byte, bool) {
	set := r.found>>i&1 != 0
	if !set && f.presence {
		return append(dst, "null"...), true
	}
	var rest []byte
	if set {
		rest = r.wire[r.at[i]:]
	}
	switch f.kind {
	case kindStrings:
		return appendArray(dst, rest, f.number, appendText)
	case kindEntities:
		return appendArray(dst, rest, f.number, f.sub.appendObject)
	case kindMap:
		return appendMap(dst, rest, f.number, appendText)
	case kindListMap:
		return appendMap(dst, rest, f.number, appendTexts)
	}
	var v wireValue
	if set {
		v, _ = consumeValue(rest, f.number, wireTypes[f.kind])
	}
	switch f.kind {
	case kindInt:
		return strconv.AppendInt(dst, int64(v.bits), 10), true
	case kindDouble:
		return appendDouble(dst, math.Float64frombits(v.bits)), true
	case kindBool:
		return strconv.AppendBool(dst, v.bits != 0), true
	case kindString:
		return appendQuoted(dst, v.bytes), true
	case kindEnum:
		return f.appendWord(dst, v.bits), true
	case kindTime:
		return appendTimestamp(dst, v.bytes)
	case kindEntity:
		return f.sub.appendObject(dst, v.bytes)
	case kindFree:
		return appendStruct(dst, v.bytes)
	}
	panic("gitlabjson: a kind without a rule")
}

// appendWord appends an enum's word; null for the zero value and for one that the
// contract lacks, which only another sender's message can hold.
func (f *field) appendWord(dst []byte, n uint64) []byte {
	if n == 0 || n >= uint64(len(f.texts)) {
		return append(dst, "null"...)
	}
	dst = append(append(dst, '"'), f.texts[n]...)
	return append(dst, '"')
}

func appendText(dst, text []byte) ([]byte, bool) { return appendQuoted(dst, text), true }

func appendTexts(dst, message []byte) ([]byte, bool) {
	return appendArray(dst, message, 1, appendText)
}

type appendFunc func(dst, wire []byte) ([]byte, bool)

// appendArray appends the array of the occurrences of a field.
func appendArray(dst, wire []byte, number protowire.Number, each appendFunc) ([]byte, bool) {
	dst = append(dst, '[')
	begin := len(dst)
	ok := eachBytes(wire, number, func(b []byte) (ok bool) {
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		dst, ok = each(dst, b)
		return ok
	})
	return append(dst, ']'), ok
}

// appendMap appends the object of the entries of a map field.
func appendMap(dst, wire []byte, number protowire.Number, each appendFunc) ([]byte, bool) {
	dst = append(dst, '{')
	begin := len(dst)
	ok := eachBytes(wire, number, func(entry []byte) (ok bool) {
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		dst, ok = appendEntry(dst, entry, each)
		return ok
	})
	return append(dst, '}'), ok
}

func appendEntry(dst, entry []byte, each appendFunc) ([]byte, bool) {
	var key, value []byte
	for len(entry) > 0 {
		number, typ, n := protowire.ConsumeTag(entry)
		if n < 0 {
			return dst, false
		}
		v, m := consumeValue(entry[n:], number, typ)
		if m < 0 {
			return dst, false
		}
		switch number {
		case 1:
			key = v.bytes
		case 2:
			value = v.bytes
		}
		entry = entry[n+m:]
	}
	return each(append(appendQuoted(dst, key), ':'), value)
}

func appendTimestamp(dst, wire []byte) ([]byte, bool) {
	var seconds, nanos uint64
	for len(wire) > 0 {
		number, typ, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return dst, false
		}
		v, m := consumeValue(wire[n:], number, typ)
		if m < 0 {
			return dst, false
		}
		switch number {
		case 1:
			seconds = v.bits
		case 2:
			nanos = v.bits
		}
		wire = wire[n+m:]
	}
	if nanos >= 1e9 {
		return dst, false
	}
	dst = append(dst, '"')
	dst = appendTime(dst, int64(seconds), int32(nanos))
	return append(dst, '"'), true
}

func appendStruct(dst, wire []byte) ([]byte, bool) {
	return appendMap(dst, wire, 1, appendStructValue)
}

func appendListValue(dst, wire []byte) ([]byte, bool) {
	return appendArray(dst, wire, 1, appendStructValue)
}

// appendStructValue appends a google.protobuf.Value.
func appendStructValue(dst, wire []byte) ([]byte, bool) {
	number, typ, n := protowire.ConsumeTag(wire)
	if n < 0 {
		return append(dst, "null"...), len(wire) == 0
	}
	v, m := consumeValue(wire[n:], number, typ)
	if m < 0 {
		return dst, false
	}
	switch byte(protowire.EncodeTag(number, typ)) {
	case valueNull:
		return append(dst, "null"...), true
	case valueNumber:
		return appendFreeNumber(dst, math.Float64frombits(v.bits)), true
	case valueString:
		return appendQuoted(dst, v.bytes), true
	case valueBool:
		return strconv.AppendBool(dst, v.bits != 0), true
	case valueStruct:
		return appendStruct(dst, v.bytes)
	case valueList:
		return appendListValue(dst, v.bytes)
	}
	return dst, false
}
