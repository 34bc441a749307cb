package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// dice makes policies and requests of few words, so that many match.
type dice struct{ *rand.Rand }

func (d dice) one(words ...string) string { return words[d.IntN(len(words))] }

func (d dice) some(least, most int, one func() string) (words []string) {
	for range least + d.IntN(most-least+1) {
		words = append(words, one())
	}
	return words
}

func (d dice) pattern(least int, sep string) string {
	return strings.Join(d.some(least, 4, func() string { return d.one("a", "b", "ab", "a*", "*b", "*", "*a*", "**", "A") }), sep)
}

func (d dice) text(least int, sep string) string {
	return strings.Join(d.some(least, 4, func() string { return d.one("a", "b", "ab", "aab", "bb", "B") }), sep)
}

func (d dice) project(text func(int, string) string) string {
	return d.one(text(2, "/"), text(2, "/"), d.one("1", "2", "12"))
}

func (d dice) caller(text func(int, string) string) string {
	return d.one("jwt:"+text(1, "/"), "uri:"+text(1, "/"), "dns:"+text(1, "."))
}

func (d dice) rule(i int) slowRule {
	r := slowRule{Name: fmt.Sprintf("rule %d", i), Effect: d.one("allow", "allow", "deny")}
	r.Callers = d.some(1, 2, func() string { return d.one(d.caller(d.pattern), d.caller(d.pattern), d.caller(d.pattern), "all") })
	r.Methods = d.some(1, 2, func() string {
		return d.one("read", "write", "all", "GetJob", "TraceService/ReadTrace", "RetryJob", "GetTokenJob")
	})
	switch {
	case r.Effect == "deny" && d.IntN(2) == 0:
		r.Projects = d.some(1, 3, func() string { return d.one("1", "2", "3") })
	case r.Effect == "deny":
		r.Projects = d.some(1, 2, func() string { return d.pattern(2, "/") })
	default:
		r.Projects = d.some(1, 3, func() string { return d.one(d.project(d.pattern), d.project(d.pattern), "all", "*") })
	}
	for range d.IntN(3) {
		if r.Claims == nil {
			r.Claims = map[string][]string{}
		}
		r.Claims[d.one("ref", "groups", "protected")] = d.some(1, 2, func() string { return d.one(d.pattern(1, "/"), "true") })
	}
	return r
}

func (d dice) request() Request {
	m := methods[d.IntN(len(methods))]
	r := Request{Method: d.one(m.name, m.service+"/"+m.name), Claims: map[string]any{}}
	if m.project {
		r.Project = d.project(d.text)
		if d.IntN(8) == 0 && r.Project[0] <= '9' {
			r.Project = "00" + r.Project
		}
	}
	r.Callers = d.some(1, 2, func() string { return d.caller(d.text) })
	for range d.IntN(4) {
		claim := d.one("ref", "groups", "protected")
		switch d.IntN(4) {
		case 0:
			r.Claims[claim] = d.IntN(2) == 0
		case 1:
			r.Claims[claim] = d.some(0, 3, func() string { return d.text(1, "/") })
		case 2:
			r.Claims[claim] = 7 // of no type that counts
		default:
			r.Claims[claim] = d.text(1, "/")
		}
	}
	return r
}
