package policy

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// slowRule is a rule as it is in the file.
type slowRule struct {
	Name     string              `yaml:"name"`
	Callers  []string            `yaml:"callers"`
	Claims   map[string][]string `yaml:"claims,omitempty"`
	Methods  []string            `yaml:"methods"`
	Projects []string            `yaml:"projects"`
	Effect   string              `yaml:"effect"`
}

// slowGlobs are the patterns seen so far.
var slowGlobs = map[string]*regexp.Regexp{}

// slowGlob is a pattern as a regular expression.
func slowGlob(pattern, sep string) *regexp.Regexp {
	key := sep + pattern
	if slowGlobs[key] == nil {
		slowGlobs[key] = regexp.MustCompile(slowExpression(pattern, sep))
	}
	return slowGlobs[key]
}

func slowExpression(pattern, sep string) string {
	if pattern == "*" {
		return `(?s)^.*$`
	}
	within := `[^` + sep + `]*`
	segments := strings.Split(pattern, sep)
	expr := `(?s)^`
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == "**" && last && i == 0:
			expr += `.*`
		case segment == "**" && last:
			expr += within + `([` + sep + `]` + within + `)*`
		case segment == "**":
			expr += `(` + within + `[` + sep + `])*`
		default:
			expr += strings.ReplaceAll(regexp.QuoteMeta(segment), `\*`, within)
			if !last {
				expr += `[` + sep + `]`
			}
		}
	}
	return expr + `$`
}

func slowAny(patterns []string, sep, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return slowGlob(p, sep).MatchString(text) })
}

func (r slowRule) forCaller(names []string) bool {
	for _, pattern := range r.Callers {
		if pattern == "all" || pattern == "*" {
			return true
		}
		kind, body, _ := strings.Cut(pattern, ":")
		for _, name := range names {
			nameKind, nameBody, _ := strings.Cut(name, ":")
			sep := "/"
			if kind == "dns" {
				sep, body, nameBody = ".", strings.ToLower(body), strings.ToLower(nameBody)
			}
			if kind == nameKind && slowGlob(body, sep).MatchString(nameBody) {
				return true
			}
		}
	}
	return false
}

func (r slowRule) forMethod(m method) bool {
	group := "read"
	if m.write {
		group = "write"
	}
	return slices.ContainsFunc(r.Methods, func(word string) bool {
		return slices.Contains([]string{"all", group, m.name, m.service + "/" + m.name}, word)
	})
}

// forProject says whether the rule is for a project; unknown is that it cannot be told.
func (r slowRule) forProject(project string) (is, unknown bool) {
	number := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	for _, p := range r.Projects {
		switch {
		case p == "all" || p == "*":
			return true, false
		case project == "" || number(p) != number(project):
			unknown = true
		case number(p) && p == strings.TrimLeft(project, "0"),
			!number(p) && slowGlob(strings.ToLower(p), "/").MatchString(strings.ToLower(project)):
			is = true
		}
	}
	return is, unknown && !is
}

// byClaims says whether all conditions hold; unknown is that no known claim breaks one.
func (r slowRule) byClaims(claims map[string]any) (is, unknown bool) {
	is = true
	for name, want := range r.Claims {
		var texts []string
		switch value := claims[name].(type) {
		case string:
			texts = []string{value}
		case bool:
			texts = []string{fmt.Sprint(value)}
		case []string:
			texts = value
		default:
			is, unknown = false, true
			continue
		}
		if !slices.ContainsFunc(texts, func(text string) bool { return slowAny(want, "/", text) }) {
			return false, false
		}
	}
	return is, unknown
}

// slowly decides by looking at each rule.
func slowly(rules []slowRule, readOnly bool, r Request) (allowed bool, rule string) {
	m := methods[methodNumbers[r.Method]]
	if readOnly && m.write {
		return false, ""
	}
	allowedBy := ""
	for _, rule := range rules {
		if !rule.forCaller(r.Callers) || !rule.forMethod(m) {
			continue
		}
		project, unknownProject := rule.forProject(r.Project)
		claims, unknownClaims := rule.byClaims(r.Claims)
		switch {
		case rule.Effect == "deny" && (project || unknownProject) && (claims || unknownClaims):
			return false, rule.Name
		case rule.Effect != "deny" && project && claims && allowedBy == "":
			allowedBy = rule.Name
		}
	}
	return allowedBy != "", allowedBy
}

// TestDecideAsTheSlowOne compares with an evaluator that looks at each rule, for random
// policies and requests.
func TestDecideAsTheSlowOne(t *testing.T) {
	seed := rand.Uint64()
	d := dice{rand.New(rand.NewPCG(seed, 0))}
	var allowed, denied, decided int
	for range 200 {
		file := struct {
			Version  int        `yaml:"version"`
			ReadOnly bool       `yaml:"read_only"`
			Rules    []slowRule `yaml:"rules"`
		}{1, d.IntN(10) == 0, nil}
		for i := range 1 + d.IntN(80) {
			if d.IntN(2) == 0 || i < 3 {
				file.Rules = append(file.Rules, d.rule(i))
			}
		}
		text, err := yaml.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, string(text))
		for range 50 {
			r := d.request()
			got := p.Decide(r)
			yes, rule := slowly(file.Rules, file.ReadOnly, r)
			if got.Allowed != yes || got.Rule != rule {
				t.Fatalf("seed %d: %+v is %+v, want %v by %q, with\n%s", seed, r, got, yes, rule, text)
			}
			decided++
			if yes {
				allowed++
			} else if rule != "" {
				denied++
			}
		}
	}
	t.Logf("%d allowed, %d denied by a rule, of %d", allowed, denied, decided)
	if allowed < decided/20 || denied < decided/20 {
		t.Errorf("only %d allowed and %d denied by a rule, of %d", allowed, denied, decided)
	}
}
