package policy

import "strings"

// index finds the rules whose patterns match a text, without looking at all of them.
type index struct {
	exact    map[string]posting
	prefixes affixes
	suffixes affixes
	rest     []pattern // that begin and end with anything
}

// pattern is a glob and the rules that have it.
type pattern struct {
	glob  glob
	rules posting
}

// indexBuilder collects patterns of rules.
type indexBuilder struct {
	texts map[string][]uint16
	globs map[string]*globRules
	order []*globRules
}

type globRules struct {
	glob  glob
	rules []uint16
}

// add takes a pattern of a rule.
func (b *indexBuilder) add(g glob, rule int) {
	if b.texts == nil {
		b.texts, b.globs = map[string][]uint16{}, map[string]*globRules{}
	}
	text, literal := g.literal()
	if literal {
		b.texts[text] = appendOnce(b.texts[text], rule)
		return
	}
	key := string(g.sep) + text
	known := b.globs[key]
	if known == nil {
		known = &globRules{glob: g}
		b.globs[key] = known
		b.order = append(b.order, known)
	}
	known.rules = appendOnce(known.rules, rule)
}

// appendOnce appends a rule, which is not before the last one.
func appendOnce(rules []uint16, rule int) []uint16 {
	if n := len(rules); n > 0 && int(rules[n-1]) == rule {
		return rules
	}
	return append(rules, uint16(rule)) //nolint:gosec // below maxRules
}

// build makes the index. Each glob is filed under its prefix or its suffix, whichever
// fewer others have.
func (b *indexBuilder) build(words int) index {
	ix := index{exact: make(map[string]posting, len(b.texts))}
	for text, rules := range b.texts {
		ix.exact[text] = newPosting(rules, words)
	}
	prefixes, suffixes := map[string]int{}, map[string]int{}
	for _, g := range b.order {
		prefix, suffix := g.glob.affixes()
		prefixes[prefix]++
		suffixes[suffix]++
	}
	byPrefix, bySuffix := map[string][]pattern{}, map[string][]pattern{}
	for _, g := range b.order {
		prefix, suffix := g.glob.affixes()
		p := pattern{g.glob, newPosting(g.rules, words)}
		switch {
		case prefix == "" && suffix == "":
			ix.rest = append(ix.rest, p)
		case suffix == "" || prefix != "" && prefixes[prefix] <= suffixes[suffix]:
			byPrefix[prefix] = append(byPrefix[prefix], p)
		default:
			bySuffix[suffix] = append(bySuffix[suffix], p)
		}
	}
	ix.prefixes = newAffixes(byPrefix, strings.Compare, strings.HasPrefix)
	ix.suffixes = newAffixes(bySuffix, compareFromEnd, strings.HasSuffix)
	return ix
}

// collect adds to found the rules whose patterns match the text.
func (ix *index) collect(text string, found set) {
	if p, ok := ix.exact[text]; ok {
		p.addTo(found)
	}
	ix.prefixes.collect(text, found)
	ix.suffixes.collect(text, found)
	collect(ix.rest, text, found)
}

func collect(patterns []pattern, text string, found set) {
	for i := range patterns {
		if patterns[i].glob.match(text) {
			patterns[i].rules.addTo(found)
		}
	}
}
