package policy

import (
	"cmp"
	"maps"
	"slices"
	"sort"
)

// affixes finds the patterns filed under any prefix of a text, or any suffix.
type affixes struct {
	compare func(a, b string) int
	has     func(text, affix string) bool
	sorted  []affix
}

type affix struct {
	text     string
	parent   int // the longest other that this one begins with, -1 if there is none
	patterns []pattern
}

func newAffixes(patterns map[string][]pattern, compare func(a, b string) int, has func(text, affix string) bool) affixes {
	a := affixes{compare: compare, has: has}
	for _, text := range slices.SortedFunc(maps.Keys(patterns), compare) {
		parent := len(a.sorted) - 1
		for parent >= 0 && !has(text, a.sorted[parent].text) {
			parent = a.sorted[parent].parent
		}
		a.sorted = append(a.sorted, affix{text, parent, patterns[text]})
	}
	return a
}

// collect adds the rules of all patterns that match. Whatever a text begins with is before
// it in order, and all that is between the two begins with the same: so the affixes of a
// text are among the parents of the last that is not behind it.
func (a *affixes) collect(text string, found set) {
	if len(a.sorted) == 0 {
		return
	}
	i := sort.Search(len(a.sorted), func(i int) bool { return a.compare(a.sorted[i].text, text) > 0 }) - 1
	for i >= 0 {
		if a.has(text, a.sorted[i].text) {
			collect(a.sorted[i].patterns, text, found)
		}
		i = a.sorted[i].parent
	}
}

// compareFromEnd orders texts as strings.Compare does, read from the end.
func compareFromEnd(a, b string) int {
	for i := 1; i <= len(a) && i <= len(b); i++ {
		if x, y := a[len(a)-i], b[len(b)-i]; x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}
