package gitlabjson

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// appendInt appends a whole number.
func appendInt(dst []byte, n int64) []byte {
	at, u := len(dst), uint64(n)
	if n < 0 || cap(dst)-at < 20 {
		return strconv.AppendInt(dst, n, 10)
	}
	size := digits(u)
	dst = dst[:at+size]
	out := dst[at:]
	for ; u >= 100; u /= 100 {
		size -= 2
		binary.LittleEndian.PutUint16(out[size:], pairs[u%100])
	}
	if size == 2 {
		binary.LittleEndian.PutUint16(out, pairs[u])
	} else {
		out[0] = byte('0' + u)
	}
	return dst
}

// digits returns how many digits a number has.
func digits(u uint64) int {
	n := bits.Len64(u|1) * 1233 >> 12 // the logarithm of 2 is 0.301, a little more than 1233/4096
	if u >= powers[n] {
		n++
	}
	return n
}

// powers holds the powers of ten, but 0 for the first, as 0 has a digit too.
var powers = func() (p [20]uint64) {
	n := uint64(1)
	for i := 1; i < len(p); i++ {
		n *= 10
		p[i] = n
	}
	return p
}()

// maxShort is where numbers of six decimals begin to have more than 15 digits.
const maxShort = 1e9

// appendShort appends f if it has at most six decimals, no sign, no more than 15
// digits, and no exponent in Ruby's form. No two numbers of 15 digits stand for the
// same double, so that there is no other text for f that is as short.
func appendShort(dst []byte, f float64) ([]byte, bool) {
	if !(f >= 1e-4 && f < maxShort) {
		return dst, false
	}
	n := uint64(f*1e6 + 0.5)
	if float64(n)/1e6 != f {
		return dst, false
	}
	dst = appendInt(dst, int64(n/1e6))
	n %= 1e6
	at := len(dst)
	dst = append(dst, ".000000"...)
	out := (*[7]byte)(dst[at:])
	put2(out[1:], int(n/1e4))
	put2(out[3:], int(n/100%100))
	put2(out[5:], int(n%100))
	size := len(dst)
	for size > at+2 && dst[size-1] == '0' {
		size--
	}
	return dst[:size], true
}
