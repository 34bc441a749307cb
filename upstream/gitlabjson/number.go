package gitlabjson

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
)

// parseInt returns the whole number that text stands for. exact says that the
// number's canonical text is this very text.
func parseInt(text []byte, whole bool) (n int64, exact, ok bool) {
	if whole {
		if n, ok := smallInt(text); ok {
			return n, true, true
		}
		n, err := strconv.ParseInt(string(text), 10, 64)
		return n, string(text) == strconv.FormatInt(n, 10), err == nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false, false
	}
	return int64(f), false, true
}

// smallInt reads up to 18 digits without sign, the usual case.
func smallInt(text []byte) (int64, bool) {
	if len(text) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range text {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// pow10 holds the powers of ten that a double represents exactly and that
// numbers of 15 digits need.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseDouble returns the number that text stands for. exact says that Ruby
// prints the number as this very text. ok is false beyond the range of doubles.
func parseDouble(text []byte) (f float64, exact, ok bool) {
	if f, ok := shortDecimal(text); ok {
		return f, true, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, false, false
	}
	return f, bytes.Equal(appendDouble(nil, f), text), true
}

// shortDecimal reads a decimal such as 76.466001 that is surely canonical: at most
// 15 digits (so that no shorter text stands for the same double), no needless
// zero at the end, and not so small that Ruby would print an exponent.
func shortDecimal(text []byte) (float64, bool) {
	var digits int64
	point := -1
	if len(text) > 16 {
		return 0, false
	}
	for i, c := range text {
		if c == '.' && point < 0 {
			point = i
			continue
		}
		if c-'0' > 9 {
			return 0, false
		}
		digits = digits*10 + int64(c-'0')
	}
	decimals := len(text) - point - 1
	if point < 1 || decimals < 1 {
		return 0, false
	}
	if text[len(text)-1] == '0' && decimals > 1 {
		return 0, false
	}
	if text[0] == '0' && digits != 0 && decimals > 4 && strings.HasPrefix(string(text), "0.0000") {
		return 0, false
	}
	return float64(digits) / pow10[decimals], true
}

// appendDouble appends f as Ruby prints it: always with a fraction, and with an
// exponent below 0.0001 and from 1e16 on.
func appendDouble(dst []byte, f float64) []byte {
	if dst, ok := appendShort(dst, f); ok {
		return dst
	}
	abs := math.Abs(f)
	if abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return appendScientific(dst, f)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if slices.Contains(dst[from:], '.') {
		return dst
	}
	return append(dst, '.', '0')
}

// appendScientific appends f in Ruby's form with an exponent, 1.0e+16.
func appendScientific(dst []byte, f float64) []byte {
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	dst = append(dst, mantissa...)
	if !strings.Contains(mantissa, ".") {
		dst = append(dst, ".0"...)
	}
	return append(append(dst, 'e'), exponent...)
}

// appendFreeNumber appends a number of a free object: whole ones without a
// fraction, as the objects that users write mostly have them.
func appendFreeNumber(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 && !(f == 0 && math.Signbit(f)) {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return appendDouble(dst, f)
}
