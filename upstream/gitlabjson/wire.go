package gitlabjson

import (
	"encoding/binary"
	"math"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// The functions of this file read wire form. They take a place in b and return the
// place behind what they read, -1 on a fault, which is what protowire takes for one.
// What is usual they do themselves: it is most of what writing JSON costs.

// varint reads a varint.
func varint(b []byte, at int) (n uint64, next int) {
	if at < len(b) && b[at] < 0x80 {
		return uint64(b[at]), at + 1
	}
	return longVarint(b, at)
}

// longVarint reads a varint of more than one byte, of which it takes up to eight at
// once.
func longVarint(b []byte, at int) (n uint64, next int) {
	var x uint64
	switch rest := len(b) - at; {
	case rest >= 8:
		x = binary.LittleEndian.Uint64(b[at:])
	case rest > 0 && len(b) >= 8:
		x = binary.LittleEndian.Uint64(b[len(b)-8:]) >> (64 - 8*rest)
	default:
		return anyVarint(b, at)
	}
	end := ^x & high & -(^x & high) // the bit that the last byte lacks
	next = at + bits.TrailingZeros64(end)/8 + 1
	if end == 0 || next > len(b) {
		return anyVarint(b, at)
	}
	x &= (end - 1) &^ high
	x = x&0x007f007f007f007f | x&0x7f007f007f007f00>>1
	x = x&0x00003fff00003fff | x&0x3fff00003fff0000>>2
	x = x&0x000000000fffffff | x&0x0fffffff00000000>>4
	return x, next
}

func anyVarint(b []byte, at int) (n uint64, next int) {
	n, size := protowire.ConsumeVarint(b[at:])
	if size < 0 {
		return 0, -1
	}
	return n, at + size
}

// badTag says that a tag has a number that no field can have.
func badTag(tag uint64) bool { return tag>>3 == 0 || tag>>3 > math.MaxInt32 }

// text reads the length and the bytes of a text or a message.
func text(b []byte, at int) (value []byte, next int) {
	if at < len(b) && b[at] < 0x80 && int(b[at]) < len(b)-at {
		next = at + 1 + int(b[at])
		return b[at+1 : next], next
	}
	size, at := varint(b, at)
	if at < 0 || size > uint64(len(b)-at) {
		return nil, -1
	}
	next = at + int(size)
	return b[at:next], next
}

// pass passes over the value that follows a tag.
func pass(b []byte, at int, tag uint64) (next int) {
	switch protowire.Type(tag & 7) {
	case protowire.VarintType:
		_, next = varint(b, at)
		return next
	case protowire.BytesType:
		_, next = text(b, at)
		return next
	}
	n := protowire.ConsumeFieldValue(protowire.Number(tag>>3), protowire.Type(tag&7), b[at:])
	if n < 0 {
		return -1
	}
	return at + n
}

// wireValue is the value of one field.
type wireValue struct {
	bits  uint64 // of a number; not of one of 32 bits
	bytes []byte // of text or a message
}

// entry reads a tag and the value that follows it.
func entry(b []byte, at int) (tag uint64, v wireValue, next int) {
	tag, at = varint(b, at)
	if at < 0 || badTag(tag) {
		return 0, v, -1
	}
	switch protowire.Type(tag & 7) {
	case protowire.VarintType:
		v.bits, next = varint(b, at)
	case protowire.BytesType:
		v.bytes, next = text(b, at)
	case protowire.Fixed64Type:
		if next = at + 8; next > len(b) {
			return 0, v, -1
		}
		v.bits = binary.LittleEndian.Uint64(b[at:])
	default:
		next = pass(b, at, tag)
	}
	return tag, v, next
}
