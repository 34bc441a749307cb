package gitlabjson

import "math"

// The elements of arrays and the members of objects are written each after a comma.
// The first comma is then replaced by the opening bracket.

func closeArray(dst []byte, begin int) []byte {
	if len(dst) == begin {
		return append(dst, '[', ']')
	}
	dst[begin] = '['
	return append(dst, ']')
}

func closeObject(dst []byte, begin int) []byte {
	if len(dst) == begin {
		return append(dst, '{', '}')
	}
	dst[begin] = '{'
	return append(dst, '}')
}

// appendTexts appends the array of the texts that o reads.
func appendTexts(dst []byte, o *occurrences) []byte {
	begin := len(dst)
	for b, more := o.next(); more; b, more = o.next() {
		dst = appendQuoted(append(dst, ','), b)
	}
	return closeArray(dst, begin)
}

// appendMap appends the object of the map entries that o reads.
func appendMap(dst []byte, o *occurrences, k kind) ([]byte, bool) {
	begin := len(dst)
	for b, more := o.next(); more; b, more = o.next() {
		key, value, ok := mapEntry(b)
		if !ok {
			return dst, false
		}
		dst = append(appendQuoted(append(dst, ','), key), ':')
		if dst, ok = appendMapValue(dst, value, k); !ok {
			return dst, false
		}
	}
	return closeObject(dst, begin), !o.bad
}

func appendMapValue(dst, value []byte, k kind) ([]byte, bool) {
	switch k {
	case kindMap:
		return appendQuoted(dst, value), true
	case kindListMap:
		o := within(value)
		dst = appendTexts(dst, &o)
		return dst, !o.bad
	}
	return appendStructValue(dst, value)
}

// appendWord appends an enum's word; null for the zero value and for one that the
// contract lacks, which only another sender's message can hold.
func (m *member) appendWord(dst []byte, n uint64) []byte {
	if n >= uint64(len(m.texts)) {
		n = 0
	}
	return m.texts[n].append(dst)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// appendStruct appends a google.protobuf.Struct.
func appendStruct(dst, wire []byte) ([]byte, bool) {
	o := within(wire)
	return appendMap(dst, &o, kindFree)
}

// appendListValue appends a google.protobuf.ListValue.
func appendListValue(dst, wire []byte) ([]byte, bool) {
	begin, o := len(dst), within(wire)
	for b, more := o.next(); more; b, more = o.next() {
		var ok bool
		if dst, ok = appendStructValue(append(dst, ','), b); !ok {
			return dst, false
		}
	}
	return closeArray(dst, begin), !o.bad
}

// appendStructValue appends a google.protobuf.Value.
func appendStructValue(dst, wire []byte) ([]byte, bool) {
	if len(wire) == 0 {
		return append(dst, "null"...), true
	}
	tag, v, next := entry(wire, 0)
	if next < 0 {
		return dst, false
	}
	switch byte(tag) {
	case valueNull:
		return append(dst, "null"...), true
	case valueNumber:
		return appendFreeNumber(dst, math.Float64frombits(v.bits)), true
	case valueString:
		return appendQuoted(dst, v.bytes), true
	case valueBool:
		return appendBool(dst, v.bits != 0), true
	case valueStruct:
		return appendStruct(dst, v.bytes)
	case valueList:
		return appendListValue(dst, v.bytes)
	}
	return dst, false
}
