package gitlabjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// appendUnescaped appends the text that the contents of a checked JSON string
// stand for. It returns false if they hold a lone surrogate, which no text in
// UTF-8 can.
func appendUnescaped(dst, raw []byte) ([]byte, bool) {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		if raw[i+1] != 'u' {
			dst = append(dst, unescaped(raw[i+1]))
			i += 2
			continue
		}
		r, _ := hex4(raw[i:])
		i += 6
		if utf16.IsSurrogate(r) {
			second, ok := rune(0), false
			if i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
				second, ok = hex4(raw[i:])
			}
			if r = utf16.DecodeRune(r, second); !ok || r == utf8.RuneError {
				return dst, false
			}
			i += 6
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

// unescaped returns what a one-letter escape stands for.
func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
