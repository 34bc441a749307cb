package policy

import "strings"

// glob is a compiled pattern.
type glob struct {
	head     string   // literal, before what is cut into segments: the kind of a caller
	segments []string // with `*` within; anySegments alone
	sep      byte
}

// anySegments stands for any number of segments.
const anySegments = "**"

// errWhole is what is wrong with a pattern that has `**` beside other text.
const errWhole = "** must be a segment of its own"

// newGlob compiles a pattern. It says what is wrong with one.
func newGlob(head, body string, sep byte) (g glob, wrong string) {
	g = glob{head: head, sep: sep}
	if body == "*" {
		g.segments = []string{anySegments}
		return g, ""
	}
	g.segments = strings.Split(body, string(sep))
	for _, segment := range g.segments {
		if segment != anySegments && strings.Contains(segment, anySegments) {
			return g, errWhole
		}
	}
	if last := len(g.segments) - 1; last > 0 && g.segments[last] == anySegments {
		g.segments[last] = "*" // one at least
		g.segments = append(g.segments, anySegments)
	}
	return g, ""
}

// literal returns the text that is the only one to match, if there is only one.
func (g glob) literal() (string, bool) {
	body := strings.Join(g.segments, string(g.sep))
	return g.head + body, !strings.Contains(body, "*")
}

// affixes are the literal texts that all matches begin and end with.
func (g glob) affixes() (prefix, suffix string) {
	if i := len(g.segments) - 1; i > 0 && g.segments[i] == anySegments {
		prefix, _, _ = strings.Cut(strings.Join(g.segments[:i], string(g.sep)), "*")
		return g.head + prefix, ""
	}
	body := strings.Join(g.segments, string(g.sep))
	first, last := strings.IndexByte(body, '*'), strings.LastIndexByte(body, '*')
	prefix, suffix = body[:first], body[last+1:]
	if strings.HasSuffix(body[:last+1], anySegments) {
		suffix = strings.TrimPrefix(suffix, string(g.sep)) // **/app also matches app
	}
	return g.head + prefix, suffix
}

// match takes time in proportion to the product of both lengths at most.
func (g glob) match(text string) bool {
	rest, ok := strings.CutPrefix(text, g.head)
	if !ok {
		return false
	}
	i, more := 0, true                    // the next segment of the pattern; whether rest is one or several
	back, left, leftMore := -1, "", false // the last **, and what it has not taken
	for {
		switch {
		case i < len(g.segments) && g.segments[i] == anySegments:
			back, left, leftMore = i, rest, more
			i++
			continue
		case i == len(g.segments) && !more:
			return true
		case i < len(g.segments) && more:
			segment, after, another := cut(rest, g.sep)
			if matchSegment(g.segments[i], segment) {
				i, rest, more = i+1, after, another
				continue
			}
		}
		if back < 0 || !leftMore {
			return false
		}
		_, left, leftMore = cut(left, g.sep)
		i, rest, more = back+1, left, leftMore
	}
}

// cut takes the first segment off, and says whether more follow.
func cut(text string, sep byte) (segment, rest string, more bool) {
	if i := strings.IndexByte(text, sep); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}

// matchSegment compares a segment with one of a pattern, in which `*` is any text.
func matchSegment(pattern, text string) bool {
	p, t := 0, 0
	star, taken := -1, 0 // the last *, and where the text begins that it has not taken
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			taken++
			p, t = star+1, taken
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
