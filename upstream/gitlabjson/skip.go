package gitlabjson

// skip reads any value, checking it in full, without recursion.
func (s *scanner) skip() bool {
	var open [MaxDepth / 8]byte // a bit per level: set for an object
	depth := 0
	for {
		switch c := s.peek(); c {
		case '{', '[':
			if depth+s.depth == MaxDepth {
				return s.fail("less nesting")
			}
			s.pos++
			object := c == '{'
			open[depth/8] &^= 1 << (depth % 8)
			if object {
				open[depth/8] |= 1 << (depth % 8)
			}
			depth++
			if next := s.peek(); next != closing(object) {
				if object && !s.key() {
					return false
				}
				continue
			}
			s.pos++
			depth--
		case '"':
			if _, _, _, ok := s.str(); !ok {
				return false
			}
		case 't':
			if !s.literal("true") {
				return false
			}
		case 'f':
			if !s.literal("false") {
				return false
			}
		case 'n':
			if !s.literal("null") {
				return false
			}
		default:
			if c != '-' && c-'0' > 9 {
				return s.fail("a value")
			}
			if _, _, _, ok := s.number(); !ok {
				return false
			}
		}
		for {
			if depth == 0 {
				return true
			}
			object := open[(depth-1)/8]>>((depth-1)%8)&1 == 1
			more, ok := s.separator(closing(object))
			if !ok {
				return false
			}
			if more {
				if object && !s.key() {
					return false
				}
				break
			}
			depth--
		}
	}
}

func closing(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// key reads a member's name and colon.
func (s *scanner) key() bool {
	if s.peek() != '"' {
		return s.fail("a member's name")
	}
	if _, _, _, ok := s.str(); !ok {
		return false
	}
	return s.colon()
}
