package gitlabjson

// words maps a fixed set of texts to their indexes. It is an open hash table
// over a cheap digest, a few nanoseconds a look-up: every enum word and every
// member that comes out of order passes here.
type words struct {
	slots []wordSlot
	mask  uint32
}

type wordSlot struct {
	text  string
	index int
}

// newWords returns the map of texts to their places in the list; empty texts
// are passed over.
func newWords(texts []string) words {
	size := 8
	for size < 4*len(texts) {
		size *= 2
	}
	w := words{slots: make([]wordSlot, size), mask: uint32(size - 1)}
	for i, t := range texts {
		if t == "" {
			continue
		}
		at := digest([]byte(t)) & w.mask
		for w.slots[at].text != "" {
			at = (at + 1) & w.mask
		}
		w.slots[at] = wordSlot{text: t, index: i}
	}
	return w
}

// find returns the index of text, or -1.
func (w *words) find(text []byte) int {
	if len(text) == 0 {
		return -1
	}
	for at := digest(text) & w.mask; ; at = (at + 1) & w.mask {
		s := &w.slots[at]
		if s.text == string(text) {
			return s.index
		}
		if s.text == "" {
			return -1
		}
	}
}

// digest mixes length, first, middle and last byte of a text that is not empty.
func digest(b []byte) uint32 {
	n := len(b)
	h := uint32(n) | uint32(b[0])<<8 | uint32(b[n/2])<<16 | uint32(b[n-1])<<24
	h *= 0x9E3779B1
	return h ^ h>>15
}
