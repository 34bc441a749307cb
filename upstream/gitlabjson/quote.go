package gitlabjson

import (
	"encoding/binary"
	"math/bits"
)

// appendQuoted appends text, which must be UTF-8, as a JSON string. It takes eight
// bytes at once and copies what it looks through; if that has an escape, or there is
// no room, it begins again.
func appendQuoted(dst, text []byte) []byte {
	n, at := len(text), len(dst)+1
	if cap(dst)-at <= n {
		return appendEscaped(dst, text)
	}
	out := dst[at : at+n+1]
	var stop uint64
	switch {
	case n >= 8:
		for i := 0; i < n-8; i += 8 {
			x := binary.LittleEndian.Uint64(text[i:])
			binary.LittleEndian.PutUint64(out[i:], x)
			stop |= escapes(x)
		}
		x := binary.LittleEndian.Uint64(text[n-8:])
		binary.LittleEndian.PutUint64(out[n-8:], x)
		stop |= escapes(x)
	case n >= 4:
		first, last := binary.LittleEndian.Uint32(text), binary.LittleEndian.Uint32(text[n-4:])
		binary.LittleEndian.PutUint32(out, first)
		binary.LittleEndian.PutUint32(out[n-4:], last)
		stop = escapes(uint64(first) | uint64(last)<<32)
	default:
		for i, c := range text {
			out[i] = c
			if c < ' ' || c == '"' || c == '\\' {
				stop = 1
			}
		}
	}
	if stop != 0 {
		return appendEscaped(dst, text)
	}
	out[n] = '"'
	dst = dst[:at+n+1]
	dst[at-1] = '"'
	return dst
}

// escapes returns a word that is zero if none of eight bytes needs an escape; its
// lowest bit is in the first of them that does. Inverting their second bit puts the
// quote right behind the control characters.
func escapes(x uint64) uint64 {
	controls, slash := (x^low*2)-low*(' '+1), (x^low*'\\')-low
	return (controls | slash) &^ x & high
}

// appendEscaped is appendQuoted for any text.
func appendEscaped(dst, text []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); i++ {
		for i+8 <= len(text) {
			stop := escapes(binary.LittleEndian.Uint64(text[i:]))
			i += bits.TrailingZeros64(stop) / 8
			if stop != 0 {
				break
			}
		}
		if i == len(text) {
			break
		}
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			dst = appendEscape(append(dst, text[from:i]...), c)
			from = i + 1
		}
	}
	dst = append(dst, text[from:]...)
	return append(dst, '"')
}

// appendEscape appends the escape of a byte.
func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
