package policy

import (
	"fmt"
	"strings"
	"testing"
)

const goodRule = "  - {name: r, callers: [all], methods: [read], projects: [all]}\n"

// TestWrongFiles: each is refused, with file, line and what is allowed.
func TestWrongFiles(t *testing.T) {
	rule := func(with string) string {
		return "version: 1\nrules:\n  - {name: r, callers: [all], methods: [read], projects: [all], " + with + "}\n"
	}
	without := func(key, with string) string {
		values := map[string]string{"name": "r", "callers": "[all]", "methods": "[read]", "projects": "[all]"}
		text := "version: 1\nrules:\n  -\n"
		delete(values, key)
		for key, value := range values {
			text += "    " + key + ": " + value + "\n"
		}
		return strings.Replace(text, "  -\n    ", "  - ", 1) + with
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":                       {"", "p.yaml:1: the file is empty"},
		"comments alone":              {"# nothing\n", "p.yaml:1: the file is empty"},
		"a text":                      {"hello", "p.yaml:1: a policy wants keys and values; allowed keys: version, read_only, rules"},
		"no version":                  {"rules: []", "p.yaml:1: version is missing"},
		"another version":             {"version: 2\nrules: []", "p.yaml:1: version wants 1"},
		"version as text":             {"version: \"1\"\nrules: []", "p.yaml:1: version wants 1"},
		"no rules":                    {"version: 1", "p.yaml:1: rules is missing"},
		"rules of another type":       {"version: 1\nrules: {}", "p.yaml:2: rules wants a list"},
		"null rules":                  {"version: 1\nrules:\n", "p.yaml:2: rules wants a list"},
		"read_only as text":           {"version: 1\nread_only: yes\nrules: []", "p.yaml:2: read_only wants true or false"},
		"unknown key":                 {"version: 1\nrule: []\nrules: []", `p.yaml:2: unknown key "rule"; allowed: version, read_only, rules`},
		"a key twice":                 {"version: 1\nrules: []\nversion: 1", "p.yaml:3: version is set twice, first at line 1"},
		"two documents":               {"version: 1\nrules: []\n---\nversion: 1", "p.yaml: holds more than one YAML document"},
		"no YAML":                     {"version: 1\nrules: [\n", "p.yaml:"},
		"a tab":                       {"version: 1\nrules:\n\t- x", "p.yaml:3: found character that cannot start any token"},
		"a list as key":               {"version: 1\nrules: []\n[a]: b", "p.yaml:3: unknown key"},
		"an alias as list":            {"version: 1\nrules:\n  - {name: r, callers: &a [all], methods: [read], projects: *a}", "p.yaml:3: projects wants a list"},
		"a rule that is a text":       {"version: 1\nrules: [x]", "p.yaml:2: a rule wants keys and values; allowed keys: name, callers"},
		"unknown key of a rule":       {rule("caller: x"), `p.yaml:3: unknown key "caller"; allowed: name, callers, claims, methods, projects, effect`},
		"two rules of a name":         {"version: 1\nrules:\n" + goodRule + goodRule, `p.yaml:4: the name "r" is taken by the rule at line 3`},
		"no name":                     {without("name", ""), "p.yaml:3: the rule has no name"},
		"an empty name":               {without("name", "    name: \"\"\n"), "name wants a text"},
		"a name of two lines":         {without("name", "    name: \"a\\nb\"\n"), "p.yaml:6: name wants a text"},
		"a number as name":            {without("name", "    name: 7\n"), "name wants a text"},
		"no callers":                  {without("callers", ""), "p.yaml:3: the rule has no callers"},
		"callers as text":             {without("callers", "    callers: all\n"), "p.yaml:6: callers wants a list of names"},
		"an empty list of callers":    {without("callers", "    callers: []\n"), "p.yaml:6: callers wants a list"},
		"a list of lists":             {without("callers", "    callers: [[all]]\n"), "p.yaml:6: callers wants a list of names"},
		"a caller without kind":       {without("callers", "    callers: [\"spiffe://example.org/x\"]\n"), "p.yaml:6: caller \"spiffe://example.org/x\" wants its kind before it: uri:, dns:"},
		"a kind alone":                {without("callers", "    callers: [\"jwt:\"]\n"), "wants its kind before it"},
		"a kind in capitals":          {without("callers", "    callers: [\"JWT:x\"]\n"), "wants its kind before it"},
		"two stars within a name":     {without("callers", "    callers: [\"jwt:a**\"]\n"), "p.yaml:6: caller \"jwt:a**\": ** must be a segment of its own"},
		"a caller with a newline":     {without("callers", "    callers: [\"jwt:a\\nb\"]\n"), "without control characters"},
		"no methods":                  {without("methods", ""), "p.yaml:3: the rule has no methods"},
		"unknown method":              {without("methods", "    methods:\n      - read\n      - Retry\n"), `p.yaml:8: unknown method "Retry"; allowed: read, write, all, ListProjectJobs`},
		"a method in small letters":   {without("methods", "    methods: [retryjob]\n"), "unknown method"},
		"a method of another service": {without("methods", "    methods: [TraceService/GetJob]\n"), "unknown method"},
		"no projects":                 {without("projects", ""), "p.yaml:3: the rule has no projects"},
		"a project with a percent":    {without("projects", "    projects: [acme%2Fapp]\n"), `p.yaml:6: project "acme%2Fapp" wants letters`},
		"a project without namespace": {without("projects", "    projects: [acme]\n"), "is neither a number nor a full path"},
		"a dot segment":               {without("projects", "    projects: [acme/../app]\n"), "must not have an empty, '.' or '..' segment"},
		"a slash at the end":          {without("projects", "    projects: [acme/]\n"), "must not have an empty"},
		"two stars within a segment":  {without("projects", "    projects: [acme/a**]\n"), "** must be a segment of its own"},
		"a number with a zero":        {without("projects", "    projects: [\"042\"]\n"), "wants a number without a zero before it"},
		"a number with a point":       {without("projects", "    projects: [4.2]\n"), "projects wants a list of numbers and paths"},
		"a null project":              {without("projects", "    projects: [null]\n"), "projects wants a list of numbers and paths"},
		"a negative number":           {without("projects", "    projects: [-1]\n"), "projects wants a list of numbers and paths"},
		"an unknown effect":           {rule("effect: denied"), "p.yaml:3: effect wants allow or deny"},
		"an empty effect":             {rule("effect: "), "effect wants allow or deny"},
		"claims as list":              {rule("claims: [a]"), "p.yaml:3: claims wants names of claims and what they must be"},
		"no claims":                   {rule("claims: {}"), "claims wants names"},
		"a claim twice":               {rule("claims: {a: x, a: y}"), "a is set twice"},
		"a null claim":                {rule("claims: {a: null}"), "p.yaml:3: claim a wants a text, a number, true or false"},
		"a loose word":                {rule("claims: {a: yes}"), "claim a wants a text, a number, true or false; a text like this one must be quoted"},
		"a date":                      {rule("claims: {a: 2020-01-01}"), "must be quoted"},
		"a point":                     {rule("claims: {a: 1.5}"), "must be quoted"},
		"an empty list of a claim":    {rule("claims: {a: []}"), "claim a wants a list of texts"},
		"a claim with a mapping":      {rule("claims: {a: {b: c}}"), "claim a wants a list of texts"},
		"two stars within a claim":    {rule("claims: {a: x**}"), "** must be a segment of its own"},
		"a denial of both forms":      {without("projects", "    projects: [acme/app, 42]\n    effect: deny\n"), "p.yaml:6: a rule that denies wants all projects as numbers, or all as paths"},
		"too many rules":              {"version: 1\nrules:\n" + strings.Repeat("  - x\n", maxRules+1), "p.yaml:3: 4097 rules; there can be 4096"},
		"many errors":                 {"version: 1\nrules:\n" + strings.Repeat("  - x\n", 100), "p.yaml: and more errors"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Parse("p.yaml", []byte(test.text))
			if err == nil || p != nil {
				t.Fatalf("taken: %+v", p)
			}
			if !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), "\n") > maxErrors {
				t.Errorf("%v\nwant %s", err, test.want)
			}
		})
	}
}

// TestAllErrorsAreTold: one after the other.
func TestAllErrorsAreTold(t *testing.T) {
	_, err := Parse("p.yaml", []byte("version: 3\nrules:\n  - name: a\n    methods: [x]\n    projects: [y]\n    effect: z\n"))
	for _, want := range []string{"p.yaml:1: version", "p.yaml:3: the rule has no callers", "p.yaml:4: unknown method", "p.yaml:5: project", "p.yaml:6: effect"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

// TestGoodFiles: forms that are taken.
func TestGoodFiles(t *testing.T) {
	for name, text := range map[string]string{
		"nothing allowed":     "version: 1\nrules: []",
		"all fields":          "version: 1\nread_only: false\nrules:\n  - {name: a b, callers: [\"*\"], claims: {a: 1, b: [x, true]}, methods: [all], projects: [42, \"43\", \"*\"], effect: allow}",
		"a denial of numbers": "version: 1\nrules:\n  - {name: a, callers: [\"ip:2001:db8::1\"], methods: [all], projects: [42, \"43\"], effect: deny}",
		"a quoted loose word": "version: 1\nrules:\n  - {name: a, callers: [\"email:*@example.org\"], claims: {a: \"yes\"}, methods: [all], projects: [\"**\"]}",
		"JSON":                `{"version": 1, "rules": [{"name": "a", "callers": ["all"], "methods": ["read"], "projects": ["all"]}]}`,
	} {
		if _, err := Parse("p.yaml", []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
