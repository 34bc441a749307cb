package policy

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// ruleName is what rules can be called. Callers are told the name.
var ruleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$`)

// rules reads the rules, whose names must differ.
func (p *parser) rules(nodes []*yaml.Node) []rule {
	rules := make([]rule, 0, len(nodes))
	lines := map[string]int{}
	for _, n := range nodes {
		values := p.mapping(n, "a rule", "name", "callers", "claims", "methods", "projects", "effect")
		if values == nil {
			continue
		}
		r := p.rule(n, values)
		if earlier, twice := lines[r.name]; twice && r.name != "" {
			p.failf(values["name"].Line, "the name %q is taken by the rule at line %d", r.name, earlier)
		}
		lines[r.name] = n.Line
		rules = append(rules, r)
	}
	return rules
}

// rule reads one rule.
func (p *parser) rule(n *yaml.Node, values map[string]*yaml.Node) (r rule) {
	for _, key := range []string{"name", "callers", "methods", "projects"} {
		if values[key] == nil {
			p.failf(n.Line, "the rule has no %s", key)
		}
	}
	if name := values["name"]; name != nil {
		if name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str" || !ruleName.MatchString(name.Value) {
			p.failf(name.Line, "name wants a text of at most 64 letters, digits, spaces, '.', '_' and '-'")
		} else {
			r.name = name.Value
		}
	}
	if effect := values["effect"]; effect != nil {
		r.deny = effect.Value == "deny"
		if effect.Kind != yaml.ScalarNode || !r.deny && effect.Value != "allow" {
			p.failf(effect.Line, "effect wants allow or deny")
		}
	}
	if list := values["methods"]; list != nil {
		for _, member := range p.scalars(list, "methods", "methods") {
			r.methods |= p.method(member)
		}
	}
	if list := values["callers"]; list != nil {
		for _, member := range p.scalars(list, "callers", "names") {
			p.caller(member, &r)
		}
	}
	if claims := values["claims"]; claims != nil {
		r.claims = p.claims(claims)
	}
	if list := values["projects"]; list != nil {
		p.projects(list, &r)
	}
	return r
}

func (p *parser) method(n *yaml.Node) methodSet {
	if group := methodGroup(n.Value); group != 0 {
		return group
	}
	number, ok := methodNumbers[n.Value]
	if !ok {
		p.failf(n.Line, "unknown method %q; allowed: %s", n.Value, methodWords())
		return 0
	}
	return 1 << number
}

// callerKinds are the kinds of names, and what cuts each into segments.
var callerKinds = map[string]byte{"uri": '/', "dns": '.', "email": '/', "ip": '/', "jwt": '/'}

func (p *parser) caller(n *yaml.Node, r *rule) {
	if n.Value == "all" || n.Value == "*" {
		r.every.callers = true
		return
	}
	kind, body, _ := strings.Cut(n.Value, ":")
	sep, known := callerKinds[kind]
	switch {
	case !known || body == "":
		p.failf(n.Line, "caller %q wants its kind before it: uri:, dns:, email:, ip: or jwt:; or all", n.Value)
		return
	case !clean(body):
		p.failf(n.Line, "caller %q must be UTF-8 without control characters, at most %d bytes", n.Value, maxText)
		return
	case kind == "dns":
		body = strings.ToLower(body)
	}
	g, wrong := newGlob(kind+":", body, sep)
	if wrong != "" {
		p.failf(n.Line, "caller %q: %s", n.Value, wrong)
		return
	}
	r.callers = append(r.callers, g)
}

func (p *parser) projects(list *yaml.Node, r *rule) {
	const want = "numbers and paths of projects, such as 42 and acme/*, or all"
	for _, member := range p.scalars(list, "projects", want) {
		text := member.Value
		switch {
		case text == "all" || text == "*":
			r.every.projects = true
		case digits(text):
			if text[0] == '0' || len(text) > 20 {
				p.failf(member.Line, "project %q wants a number without a zero before it", text)
			}
			r.numbers = append(r.numbers, text)
		case member.ShortTag() != "!!str":
			p.failf(member.Line, "projects wants a list of %s", want)
		default:
			p.projectPath(member, r)
		}
	}
	if r.deny && !r.every.projects && len(r.numbers) > 0 && len(r.paths) > 0 {
		p.failf(list.Line, "a rule that denies wants all projects as numbers, or all as paths: "+
			"a project named in one way cannot be proved to be none of those named in the other")
	}
}

func (p *parser) projectPath(n *yaml.Node, r *rule) {
	path := strings.ToLower(n.Value)
	switch {
	case len(path) > maxText:
		p.failf(n.Line, "a project is longer than %d bytes", maxText)
		return
	case strings.ContainsFunc(path, func(c rune) bool { return !pathRune(c) && c != '/' && c != '*' }):
		p.failf(n.Line, "project %q wants letters, digits, '-', '_', '.' and '/', and * for any", n.Value)
		return
	}
	if wrong := checkSegments(path); wrong != "" && path != anySegments {
		p.failf(n.Line, "project %q %s", n.Value, wrong)
		return
	}
	g, wrong := newGlob("", path, '/')
	if wrong != "" {
		p.failf(n.Line, "project %q: %s", n.Value, wrong)
		return
	}
	r.paths = append(r.paths, g)
}

// claims reads the conditions of a rule, in the order of the file.
func (p *parser) claims(n *yaml.Node) (conditions []condition) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.failf(n.Line, "claims wants names of claims and what they must be")
		return nil
	}
	values := p.mapping(n, "claims")
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if values[key.Value] != value {
			continue // set twice
		}
		if key.Kind != yaml.ScalarNode || key.Value == "" || !clean(key.Value) {
			p.failf(key.Line, "claims wants names of claims")
			continue
		}
		if slices.Contains([]string{"exp", "nbf", "iat", "jti"}, key.Value) {
			p.failf(key.Line, "claim %s is of one token and not of a caller: no rule can be about it", key.Value)
			continue
		}
		members := []*yaml.Node{value}
		if value.Kind != yaml.ScalarNode {
			members = p.scalars(value, "claim "+key.Value, "texts, numbers, true or false")
		}
		c := condition{claim: key.Value}
		for _, member := range members {
			if g, ok := p.claimValue(key.Value, member); ok {
				c.patterns = append(c.patterns, g)
			}
		}
		conditions = append(conditions, c)
	}
	return conditions
}

// looseWords are those that other versions of YAML take for true or false.
var looseWords = []string{"yes", "no", "on", "off", "y", "n"}

func (p *parser) claimValue(claim string, n *yaml.Node) (g glob, ok bool) {
	text := n.Value
	switch tag := n.ShortTag(); {
	case tag == "!!bool":
		text = strings.ToLower(text)
	case tag == "!!int" && digits(text):
	case tag != "!!str", n.Style == 0 && slices.Contains(looseWords, strings.ToLower(text)):
		p.failf(n.Line, "claim %s wants a text, a number, true or false; a text like this one must be quoted", claim)
		return g, false
	case !clean(text):
		p.failf(n.Line, "claim %s wants UTF-8 without control characters, at most %d bytes", claim, maxText)
		return g, false
	}
	g, wrong := newGlob("", text, '/')
	if wrong != "" {
		p.failf(n.Line, "claim %s, %q: %s", claim, text, wrong)
		return g, false
	}
	return g, true
}

// maxText is the longest pattern in bytes.
const maxText = 2048

func clean(text string) bool {
	return len(text) <= maxText && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
