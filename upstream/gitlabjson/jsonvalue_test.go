package gitlabjson

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// canonical is an independent, slow reading of a JSON text: the same for texts
// that are the same value. Numbers and times count as written, the order of
// members does not, the last of several members of a name wins, and strings are
// compared by UTF-16 units, so that lone surrogates count as well.
func canonical(text []byte) (value string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not JSON: %v", r)
		}
	}()
	p := &slowParser{rest: string(text)}
	value = p.value()
	p.space()
	if p.rest != "" {
		panic("trailing text")
	}
	return value, nil
}

type slowParser struct{ rest string }

func (p *slowParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *slowParser) eat(s string) {
	p.space()
	if !strings.HasPrefix(p.rest, s) {
		panic("want " + s)
	}
	p.rest = p.rest[len(s):]
}

func (p *slowParser) at(s string) bool {
	p.space()
	return strings.HasPrefix(p.rest, s)
}

func (p *slowParser) value() string {
	switch {
	case p.at("{"):
		members := map[string]string{}
		p.list("{", "}", func() {
			name := p.str()
			p.eat(":")
			members[name] = p.value()
		})
		var all []string
		for _, k := range slices.Sorted(maps.Keys(members)) {
			all = append(all, k+":"+members[k])
		}
		return "{" + strings.Join(all, ",") + "}"
	case p.at("["):
		var all []string
		p.list("[", "]", func() { all = append(all, p.value()) })
		return "[" + strings.Join(all, ",") + "]"
	case p.at(`"`):
		return p.str()
	}
	n := strings.IndexAny(p.rest, ",]} \t\r\n")
	if n < 0 {
		n = len(p.rest)
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	return word
}

func (p *slowParser) list(open, end string, element func()) {
	p.eat(open)
	if p.at(end) {
		p.eat(end)
		return
	}
	for {
		element()
		if p.at(end) {
			p.eat(end)
			return
		}
		p.eat(",")
	}
}

func (p *slowParser) str() string {
	p.eat(`"`)
	var units []uint16
	for {
		r, size := utf8.DecodeRuneInString(p.rest)
		if size == 0 {
			panic("the end of a string")
		}
		switch r {
		case '"':
			p.rest = p.rest[1:]
			return fmt.Sprintf("%x", units)
		case '\\':
			c := p.rest[1]
			p.rest = p.rest[2:]
			if c == 'u' {
				n, err := strconv.ParseUint(p.rest[:4], 16, 16)
				if err != nil {
					panic(err)
				}
				units = append(units, uint16(n))
				p.rest = p.rest[4:]
				continue
			}
			from, to := `"\/bfnrt`, "\"\\/\b\f\n\r\t"
			units = append(units, uint16(to[strings.IndexByte(from, c)]))
		default:
			units = utf16.AppendRune(units, r)
			p.rest = p.rest[size:]
		}
	}
}
