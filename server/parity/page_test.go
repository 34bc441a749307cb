package parity

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// row is a line of docs/parity.md: a rule, and which cases prove it. A name that ends in "*" stands
// for all that begin so.
type row struct {
	section, rule string
	names         []string
}

func (r row) proves(id string) bool {
	return slices.ContainsFunc(r.names, func(name string) bool { return matches(name, id) })
}

func matches(name, id string) bool {
	if beginning, ok := strings.CutSuffix(name, "*"); ok {
		return strings.HasPrefix(id, beginning)
	}
	return name == id
}

// rows reads the tables of the page. A table's head and its rule are no rows.
func rows(page string) []row {
	var all []row
	section := ""
	for line := range strings.Lines(page) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(title)
		}
		rule, cases, ok := strings.Cut(strings.Trim(line, "| \n"), " | ")
		if !ok || !strings.HasPrefix(line, "| ") || rule == "rule" {
			continue
		}
		one := row{section: section, rule: rule}
		for i, name := range strings.Split(cases, "`") {
			if i%2 == 1 {
				one.names = append(one.names, name)
			}
		}
		all = append(all, one)
	}
	return all
}

// faultsOf tells where page and cases don't fit: each rule has its row, in its section and in its
// order, and each row the cases of its rule, no more and no less.
func faultsOf(page []row, all []section) (faults []string) {
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	seen := map[string]bool{}
	at := 0
	for _, s := range all {
		for _, r := range s.rules {
			if at >= len(page) || page[at].rule != r.text || page[at].section != s.title {
				add("row %d is not %q of %q", at+1, r.text, s.title)
				return faults
			}
			here := page[at]
			at++
			if len(r.cases) == 0 || len(here.names) == 0 {
				add("the rule %q has no case", r.text)
			}
			for _, name := range here.names {
				if !slices.ContainsFunc(r.cases, func(tc testCase) bool { return matches(name, tc.id) }) {
					add("the row %q names %s, which is no case of its rule", r.text, name)
				}
			}
			for i := range r.cases {
				tc := &r.cases[i]
				if seen[tc.id] {
					add("two cases have the id %s", tc.id)
				}
				seen[tc.id] = true
				if owners := naming(page, tc.id); !slices.Equal(owners, []string{r.text}) {
					add("%s belongs to %q, but is named by %q", tc.id, r.text, owners)
				}
			}
		}
	}
	if at < len(page) {
		add("the row %q is no rule of the tests", page[at].rule)
	}
	return faults
}

// naming are the rules whose rows name a case.
func naming(page []row, id string) (rules []string) {
	for _, one := range page {
		if one.proves(id) {
			rules = append(rules, one.rule)
		}
	}
	return rules
}

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/parity.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestPage holds docs/parity.md to the cases.
func TestPage(t *testing.T) {
	for _, fault := range faultsOf(rows(readPage(t)), sections) {
		t.Error(fault)
	}
}

// TestPageFaults proves that faults of the page are found.
func TestPageFaults(t *testing.T) {
	page := readPage(t)
	for name, change := range map[string]struct{ was, is string }{
		"row without a case":    {"| `1/v3/*` |", "| |"},
		"case that is not":      {"`1/v3/*`", "`1/v3/*`, `1/v3/head`"},
		"case without a row":    {"`7.1/list`, ", ""},
		"case of another rule":  {"`1/v3/*`", "`1/v3/*`, `1/slash/query`"},
		"case of two rows":      {"`1/v3/*`", "`1/*`"},
		"row that is gone":      {"| `/api/v3` is gone: 410 | `1/v3/*` |\n", ""},
		"row that is no rule":   {"## A newer GitLab", "| more | `1/v3/*` |\n\n## A newer GitLab"},
		"row in another words":  {"is gone: 410", "is gone"},
		"rows out of order":     {"## A newer GitLab", "## An older GitLab"},
		"no page":               {page, ""},
		"names without a quote": {"`1/v3/*`", "1/v3/*"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(page, change.was, change.is, 1)
			if changed == page {
				t.Fatalf("the page has no %s", change.was)
			}
			if len(faultsOf(rows(changed), sections)) == 0 {
				t.Error("nothing is found")
			}
		})
	}
}
