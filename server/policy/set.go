package policy

import "math/bits"

// maxRules is how many rules a policy can have.
const maxRules = 4096

const maxWords = maxRules / 64

// set is a set of rules, by their place in the file.
type set []uint64

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s set) union(other set) {
	for i, word := range other[:len(s)] {
		s[i] |= word
	}
}

func (s set) keep(other set) {
	for i, word := range other[:len(s)] {
		s[i] &= word
	}
}

// firstOf returns the first rule that is in both, or -1.
func (s set) firstOf(other set) int {
	for i, word := range s {
		if word &= other[i]; word != 0 {
			return i*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

// posting is a set of rules, in the form that is the cheaper to add.
type posting struct {
	list []uint16
	set  set // nil if list is short
}

// newPosting makes a posting of a list, which it keeps, for a policy of so many words.
func newPosting(list []uint16, words int) posting {
	p := posting{list: list}
	if len(list) > words {
		p.set = make(set, words)
		for _, i := range list {
			p.set.add(int(i))
		}
	}
	return p
}

func (p posting) addTo(s set) {
	if p.set != nil {
		s.union(p.set)
		return
	}
	for _, i := range p.list {
		s.add(int(i))
	}
}
