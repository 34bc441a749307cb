package gitlabjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may be nested in an object of GitLab's.
const MaxDepth = 512

// scanner walks a JSON text. Its methods leave pos behind what they read; on a
// fault they record the first error and return false.
type scanner struct {
	src   []byte
	pos   int
	depth int // how many objects and arrays are open around what skip reads
	err   *Error
}

func (s *scanner) fail(rule string) bool {
	if s.err == nil {
		s.err = &Error{Offset: s.pos, Rule: rule}
	}
	return false
}

// peek passes over white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		if c > ' ' {
			return c
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}

// colon reads the colon after a member's name.
func (s *scanner) colon() bool {
	if s.peek() != ':' {
		return s.fail("a colon")
	}
	s.pos++
	return true
}

// separator reads what follows an element: a comma (more) or the closing byte.
func (s *scanner) separator(closing byte) (more, ok bool) {
	switch s.peek() {
	case ',':
		s.pos++
		return true, true
	case closing:
		s.pos++
		return false, true
	}
	return false, s.fail("a comma or the end of the array or object")
}

// end checks that nothing but white space follows.
func (s *scanner) end() {
	if s.peek() != 0 || s.pos < len(s.src) {
		s.fail("the end of the text")
	}
}

const (
	low  = 0x0101010101010101
	high = 0x8080808080808080
)

// str reads a string, whose opening quote is next, and returns the place of its
// contents; plain says that they have no escapes.
func (s *scanner) str() (start, end int, plain, ok bool) {
	start = s.pos + 1
	i, src := start, s.src
	plain = true
	ascii := true
	for {
		for i+8 <= len(src) {
			x := binary.LittleEndian.Uint64(src[i:])
			quote, slash := x^(low*'"'), x^(low*'\\')
			stop := (x | (x - low*0x20) | (quote-low)&^quote | (slash-low)&^slash) & high
			if stop != 0 {
				i += bits.TrailingZeros64(stop) / 8
				break
			}
			i += 8
		}
		if i >= len(src) {
			s.pos = i
			return 0, 0, false, s.fail("the end of a string")
		}
		switch c := src[i]; {
		case c == '"':
			s.pos = i + 1
			if !ascii && !utf8.Valid(src[start:i]) {
				s.pos = start
				return 0, 0, false, s.fail("UTF-8 text")
			}
			return start, i, plain, true
		case c == '\\':
			plain = false
			n := escapeLen(src[i:])
			if n == 0 {
				s.pos = i
				return 0, 0, false, s.fail("a valid escape")
			}
			i += n
		case c < ' ':
			s.pos = i
			return 0, 0, false, s.fail("an escape instead of a control character")
		case c >= utf8.RuneSelf:
			ascii = false
			i++
		default:
			i++
		}
	}
}

// escapeLen returns the length of the escape that b begins with, 0 if invalid.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b); ok {
			return 6
		}
	}
	return 0
}

// hex4 returns the code unit of an escape such as \u00e9.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number reads a number and says whether it is written without fraction and
// exponent.
func (s *scanner) number() (start, end int, whole, ok bool) {
	start = s.pos
	src, i := s.src, s.pos
	if i < len(src) && src[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(src) && src[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	zero := i < len(src) && src[i] == '0'
	if zero {
		i++
	} else if !digits() {
		s.pos = i
		return 0, 0, false, s.fail("a digit")
	}
	whole = true
	if i < len(src) && src[i] == '.' {
		i++
		whole = false
		if !digits() {
			s.pos = i
			return 0, 0, false, s.fail("a digit")
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		i++
		whole = false
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		if !digits() {
			s.pos = i
			return 0, 0, false, s.fail("a digit")
		}
	}
	s.pos = i
	return start, i, whole, true
}

// literal reads one of true, false and null.
func (s *scanner) literal(text string) bool {
	if len(s.src)-s.pos < len(text) || string(s.src[s.pos:s.pos+len(text)]) != text {
		return s.fail("a value")
	}
	s.pos += len(text)
	return true
}
