package gitlabjson

import (
	"encoding/binary"
	"time"
)

// appendTimestamp appends a google.protobuf.Timestamp.
func appendTimestamp(dst, wire []byte) ([]byte, bool) {
	if seconds, nanos, ok := usualTime(wire); ok {
		return appendTime(dst, seconds, nanos), true
	}
	var seconds, nanos uint64
	for at := 0; at < len(wire); {
		var tag uint64
		var v wireValue
		if tag, v, at = entry(wire, at); at < 0 {
			return dst, false
		}
		switch tag >> 3 {
		case 1:
			seconds = v.bits
		case 2:
			nanos = v.bits
		}
	}
	if nanos >= 1e9 {
		return dst, false
	}
	return appendTime(dst, int64(seconds), int32(nanos)), true
}

// usualTime reads a Timestamp of seconds, and nanos after them if it has some. ok is
// false for others.
func usualTime(wire []byte) (seconds int64, nanos int32, ok bool) {
	if len(wire) < 4 || wire[0] != 1<<3 {
		return 0, 0, false
	}
	s, at := varint(wire, 1)
	if at == len(wire) {
		return int64(s), 0, true
	}
	if at < 0 || wire[at] != 2<<3 {
		return 0, 0, false
	}
	n, at := varint(wire, at+1)
	return int64(s), int32(n), at == len(wire) && n < 1e9
}

// maxSeconds is the last second of the year 9999.
const maxSeconds = 253402300799

// appendTime appends the canonical text of a moment as a JSON string.
func appendTime(dst []byte, seconds int64, nanos int32) []byte {
	if uint64(seconds) > maxSeconds {
		return appendOddTime(dst, seconds, nanos)
	}
	year, month, day := date(uint32(seconds / 86400))
	second, millis := int(seconds%86400), int(nanos)/1e6
	n := len(dst)
	dst = append(dst, `"0000-00-00T00:00:00.000Z"`...)
	out := (*[26]byte)(dst[n:])
	put2(out[1:], year/100)
	put2(out[3:], year%100)
	put2(out[6:], month)
	put2(out[9:], day)
	put2(out[12:], second/3600)
	put2(out[15:], second/60%60)
	put2(out[18:], second%60)
	out[21] += byte(millis / 100)
	put2(out[22:], millis%100)
	return dst
}

// put2 writes a number of two digits.
func put2(b []byte, n int) { binary.LittleEndian.PutUint16(b, pairs[n]) }

// pairs holds the two digits of the numbers below 100.
var pairs = func() (p [100]uint16) {
	for i := range p {
		p[i] = uint16('0'+i/10) | uint16('0'+i%10)<<8
	}
	return p
}()

// date returns the day that is so many days after 1970-01-01: the inverse of
// daysSinceEpoch, by the method of Neri and Schneider.
func date(days uint32) (year, month, day int) {
	n := 4*(days+719468) + 3
	century := n / 146097
	n = n%146097 | 3
	p := uint64(n) * 2939745
	year = int(100*century + uint32(p>>32))
	dayOfYear := uint32(p) / 2939745 / 4
	n = 2141*dayOfYear + 197913
	month, day = int(n>>16), int(n&0xffff/2141+1)
	if dayOfYear >= 306 {
		year++
		month -= 12
	}
	return year, month, day
}

// appendOddTime is appendTime for any moment, also beyond those years.
func appendOddTime(dst []byte, seconds int64, nanos int32) []byte {
	t := time.Unix(seconds, int64(nanos)).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	millis := int(nanos) / 1e6
	return append(dst, '"',
		digit(year/1000), digit(year/100), digit(year/10), digit(year), '-',
		digit(int(month)/10), digit(int(month)), '-', digit(day/10), digit(day), 'T',
		digit(hour/10), digit(hour), ':', digit(minute/10), digit(minute), ':',
		digit(second/10), digit(second), '.',
		digit(millis/100), digit(millis/10), digit(millis), 'Z', '"')
}

func digit(n int) byte { return byte('0' + n%10) }
