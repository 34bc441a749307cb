package policy

import (
	"maps"
	"slices"
)

// compile makes the indexes of the rules, which it keeps.
func compile(rules []rule, readOnly bool) *Policy {
	p := &Policy{readOnly: readOnly, rules: rules, words: (len(rules) + 63) / 64}
	p.deny = p.setOf(func(r *rule) bool { return r.deny })
	p.allow = p.setOf(func(r *rule) bool { return !r.deny })
	for i := range methods {
		p.methods = append(p.methods, p.setOf(func(r *rule) bool { return r.methods&(1<<i) != 0 }))
	}
	p.anyCaller = p.setOf(func(r *rule) bool { return r.every.callers })
	p.anyProject = [...]set{
		noForm:   p.setOf(func(r *rule) bool { return r.every.projects || r.deny }),
		byNumber: p.setOf(func(r *rule) bool { return r.every.projects || r.deny && len(r.paths) > 0 }),
		byPath:   p.setOf(func(r *rule) bool { return r.every.projects || r.deny && len(r.numbers) > 0 }),
	}
	p.indexCallers()
	p.indexProjects()
	p.indexClaims()
	return p
}

func (p *Policy) setOf(member func(*rule) bool) set {
	s := make(set, p.words)
	for i := range p.rules {
		if member(&p.rules[i]) {
			s.add(i)
		}
	}
	return s
}

func (p *Policy) indexCallers() {
	var b indexBuilder
	for i := range p.rules {
		for _, g := range p.rules[i].callers {
			b.add(g, i)
		}
	}
	p.callers = b.build(p.words)
}

func (p *Policy) indexProjects() {
	var b indexBuilder
	numbers := map[string][]uint16{}
	for i := range p.rules {
		for _, g := range p.rules[i].paths {
			b.add(g, i)
		}
		for _, number := range p.rules[i].numbers {
			numbers[number] = appendOnce(numbers[number], i)
		}
	}
	p.projects = b.build(p.words)
	p.numbers = map[string]posting{}
	for number, rules := range numbers {
		p.numbers[number] = newPosting(rules, p.words)
	}
}

func (p *Policy) indexClaims() {
	builders := map[string]*indexBuilder{}
	for i := range p.rules {
		for _, c := range p.rules[i].claims {
			b := builders[c.claim]
			if b == nil {
				b = &indexBuilder{}
				builders[c.claim] = b
			}
			for _, g := range c.patterns {
				b.add(g, i)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(builders)) {
		p.claims = append(p.claims, claimIndex{
			name:   name,
			values: builders[name].build(p.words),
			free:   p.setOf(func(r *rule) bool { return !r.asks(name) }),
			absent: p.setOf(func(r *rule) bool { return r.deny || !r.asks(name) }),
		})
	}
}

// asks says whether the rule has a condition on a claim.
func (r *rule) asks(claim string) bool {
	return slices.ContainsFunc(r.claims, func(c condition) bool { return c.claim == claim })
}
