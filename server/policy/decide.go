package policy

import "strings"

// Request is what somebody asks to do.
type Request struct {
	// Callers are all names of the caller, such as "uri:spiffe://example.org/deploy/web" or
	// "jwt:build-7". Without one, nothing is allowed.
	Callers []string
	// Claims are those of his token: texts, bools and lists of texts. A claim of any other
	// type counts as one that he doesn't have.
	Claims map[string]any
	// Method is one of the contract: "RetryJob", "JobService/RetryJob", or in full with or
	// without a slash before it.
	Method string
	// Project is what GitLab will be asked for, decoded; empty for a method without one.
	Project string
}

// Decision is the answer to a [Request].
type Decision struct {
	Allowed bool
	// Rule names the rule that allows or denies; empty if none does.
	Rule string
	// Why says why in a few words, which may be told to the caller. It repeats nothing of
	// the request but the names of method and claim.
	Why string
}

// Decide answers a request. See the package comment for what it takes to be allowed.
func (p *Policy) Decide(r Request) Decision {
	number, ok := methodNumbers[r.Method]
	if !ok {
		return Decision{Why: "the policy knows no such method"}
	}
	if len(r.Callers) == 0 {
		return Decision{Why: "the caller has no name"}
	}
	m := &methods[number]
	f, project, wrong := requestForm(m, r.Project)
	switch {
	case wrong != "":
		return Decision{Why: wrong}
	case p.readOnly && m.write:
		return Decision{Why: "the policy is read_only, and " + m.name + " is a write"}
	}
	var room [2][maxWords]uint64
	found, fitting := set(room[0][:p.words]), set(room[1][:p.words])
	copy(found, p.methods[number])
	p.callersOf(r.Callers, fitting)
	found.keep(fitting)
	p.projectsOf(f, project, fitting)
	found.keep(fitting)
	for i := range p.claims {
		p.claims[i].of(r.Claims, fitting)
		found.keep(fitting)
	}
	if i := found.firstOf(p.deny); i >= 0 {
		return Decision{Rule: p.rules[i].name, Why: p.rules[i].denial(f, r.Claims)}
	}
	if i := found.firstOf(p.allow); i >= 0 {
		return Decision{Allowed: true, Rule: p.rules[i].name, Why: "a rule allows it"}
	}
	return Decision{Why: "no rule allows " + m.name + " to this caller on this project"}
}

// requestForm reads the project of a call of m.
func requestForm(m *method, project string) (f form, key, wrong string) {
	switch {
	case m.project:
		return projectForm(project)
	case project != "":
		return noForm, "", "the method takes no project"
	}
	return noForm, "", ""
}

// callersOf makes s the rules for one of these callers.
func (p *Policy) callersOf(names []string, s set) {
	copy(s, p.anyCaller)
	for _, name := range names {
		if strings.HasPrefix(name, "dns:") {
			name = strings.ToLower(name)
		}
		p.callers.collect(name, s)
	}
}

// projectsOf makes s the rules for a project, and those that cannot be compared with it.
func (p *Policy) projectsOf(f form, project string, s set) {
	copy(s, p.anyProject[f])
	switch f {
	case byNumber:
		p.numbers[project].addTo(s)
	case byPath:
		p.projects.collect(project, s)
	}
}

// of makes s the rules whose condition on this claim holds, or is not proved not to.
func (c *claimIndex) of(claims map[string]any, s set) {
	copy(s, c.free)
	switch value := claims[c.name].(type) {
	case string:
		c.values.collect(value, s)
	case bool:
		c.values.collect(boolText(value), s)
	case []string:
		for _, text := range value {
			c.values.collect(text, s)
		}
	default:
		copy(s, c.absent)
	}
}

func boolText(value bool) string {
	if value {
		return "true"
	}
	return "false"
}

// denial says why r denies, or cannot be proved not to.
func (r *rule) denial(f form, claims map[string]any) string {
	wants := byPath
	if len(r.numbers) > 0 {
		wants = byNumber
	}
	name := "rule " + r.name
	if !r.every.projects && f != wants {
		if f == noForm {
			return name + " denies some projects, and the method does not say which one it is for"
		}
		return name + " denies projects by " + wants.String() + ", and one named by " + f.String() + " cannot be compared"
	}
	for _, c := range r.claims {
		switch claims[c.claim].(type) {
		case string, bool, []string:
		default:
			return name + " denies by the claim " + c.claim + ", which the caller does not have"
		}
	}
	return name + " denies it"
}
