package policy

import (
	"strings"
	"testing"
)

const example = `
version: 1
rules:
  - name: readers
    callers: [all]
    methods: [read]
    projects: [acme/*, "42"]
  - name: deployers
    callers: ["uri:spiffe://example.org/deploy/*", "jwt:build-*"]
    claims: {ref_protected: true}
    methods: [RetryJob, JobService/PlayJob]
    projects: ["acme/**"]
  - name: anything
    callers: ["dns:*.Ops.example.org"]
    methods: [all]
    projects: [all]
  - name: no erasing
    callers: [all]
    methods: [EraseJob]
    projects: ["acme/*"]
    effect: deny
  - name: ops keeps off
    callers: ["dns:b.ops.example.org"]
    methods: [ReadTrace]
    projects: [7]
    effect: deny
  - name: groups
    callers: ["jwt:*"]
    claims: {groups: [ops, "team-*"], tier: "1"}
    methods: [CancelJob]
    projects: [all]
`

// TestDecide: who may do what by one policy.
func TestDecide(t *testing.T) {
	p := parse(t, example)
	protected := map[string]any{"ref_protected": true}
	for name, test := range map[string]struct {
		request Request
		rule    string // that allows, or "" and
		why     string // of the denial
	}{
		"a read by path":                        {Request{[]string{"jwt:x"}, nil, "GetJob", "acme/app"}, "readers", ""},
		"a read by path in capitals":            {Request{[]string{"jwt:x"}, nil, "GetJob", "ACME/App"}, "readers", ""},
		"a read by number":                      {Request{[]string{"jwt:x"}, nil, "JobService/GetJob", "42"}, "readers", ""},
		"a read by number with zeros":           {Request{[]string{"jwt:x"}, nil, "/jobgate.v1.JobService/GetJob", "0042"}, "readers", ""},
		"a star ends at a slash":                {Request{[]string{"jwt:x"}, nil, "GetJob", "acme/sub/app"}, "", "no rule allows GetJob"},
		"another number":                        {Request{[]string{"jwt:x"}, nil, "GetJob", "43"}, "", "no rule"},
		"a write":                               {Request{[]string{"jwt:x"}, nil, "RetryJob", "acme/app"}, "", "no rule"},
		"a write with the claim":                {Request{[]string{"jwt:build-1"}, protected, "RetryJob", "acme/app"}, "deployers", ""},
		"two stars pass slashes":                {Request{[]string{"jwt:build-1"}, protected, "RetryJob", "acme/a/b"}, "deployers", ""},
		"the claim as text":                     {Request{[]string{"jwt:build-1"}, map[string]any{"ref_protected": "true"}, "PlayJob", "acme/app"}, "deployers", ""},
		"the claim is false":                    {Request{[]string{"jwt:build-1"}, map[string]any{"ref_protected": false}, "PlayJob", "acme/app"}, "", "no rule"},
		"the claim is of no known type":         {Request{[]string{"jwt:build-1"}, map[string]any{"ref_protected": 1}, "PlayJob", "acme/app"}, "", "no rule"},
		"the claim is missing":                  {Request{[]string{"jwt:build-1"}, nil, "PlayJob", "acme/app"}, "", "no rule"},
		"the second name of a caller":           {Request{[]string{"jwt:x", "uri:spiffe://example.org/deploy/web"}, protected, "PlayJob", "acme/app"}, "deployers", ""},
		"a name further below":                  {Request{[]string{"uri:spiffe://example.org/deploy/web/1"}, protected, "PlayJob", "acme/app"}, "", "no rule"},
		"names are compared with capitals":      {Request{[]string{"jwt:Build-1"}, protected, "PlayJob", "acme/app"}, "", "no rule"},
		"names of dns without capitals":         {Request{[]string{"dns:A.ops.Example.org"}, nil, "CancelJob", "x/y"}, "anything", ""},
		"a star ends at a dot of dns":           {Request{[]string{"dns:a.b.ops.example.org"}, nil, "CancelJob", "x/y"}, "", "no rule"},
		"all projects, by number":               {Request{[]string{"dns:a.ops.example.org"}, nil, "CancelJob", "9"}, "anything", ""},
		"all projects, and a call without one":  {Request{[]string{"dns:a.ops.example.org"}, nil, "GetTokenJob", ""}, "anything", ""},
		"some projects, and a call without one": {Request{[]string{"jwt:x"}, nil, "GetTokenJob", ""}, "", "no rule"},
		"a deny rule wins":                      {Request{[]string{"dns:a.ops.example.org"}, nil, "EraseJob", "acme/app"}, "", "rule no erasing denies it"},
		"a deny rule wins, in capitals":         {Request{[]string{"dns:a.ops.example.org"}, nil, "EraseJob", "Acme/APP"}, "", "rule no erasing denies it"},
		"a deny rule of other projects":         {Request{[]string{"dns:a.ops.example.org"}, nil, "EraseJob", "other/app"}, "anything", ""},
		"a deny rule by path, and a number":     {Request{[]string{"dns:a.ops.example.org"}, nil, "EraseJob", "9"}, "", "rule no erasing denies projects by path, and one named by number cannot be compared"},
		"a deny rule by number, and a path":     {Request{[]string{"dns:b.ops.example.org"}, nil, "ReadTrace", "x/y"}, "", "rule ops keeps off denies projects by number, and one named by path cannot be compared"},
		"a deny rule by number, zeros":          {Request{[]string{"dns:b.ops.example.org"}, nil, "ReadTrace", "007"}, "", "rule ops keeps off denies it"},
		"a deny rule of another number":         {Request{[]string{"dns:b.ops.example.org"}, nil, "ReadTrace", "8"}, "anything", ""},
		"a deny rule of another caller":         {Request{[]string{"dns:c.ops.example.org"}, nil, "ReadTrace", "7"}, "anything", ""},
		"a list of a claim":                     {Request{[]string{"jwt:x"}, map[string]any{"groups": []string{"a", "team-b"}, "tier": "1"}, "CancelJob", "x/y"}, "groups", ""},
		"one claim of two":                      {Request{[]string{"jwt:x"}, map[string]any{"groups": []string{"ops"}}, "CancelJob", "x/y"}, "", "no rule"},
		"an empty list of a claim":              {Request{[]string{"jwt:x"}, map[string]any{"groups": []string{}, "tier": "1"}, "CancelJob", "x/y"}, "", "no rule"},
		"jwt:* passes slashes":                  {Request{[]string{"jwt:project_path:a/b"}, map[string]any{"groups": "ops", "tier": "1"}, "CancelJob", "x/y"}, "groups", ""},
		"a caller without a name":               {Request{nil, protected, "GetJob", "acme/app"}, "", "the caller has no name"},
		"an unknown method":                     {Request{[]string{"dns:a.ops.example.org"}, nil, "DropJob", "acme/app"}, "", "knows no such method"},
		"a method of another service":           {Request{[]string{"dns:a.ops.example.org"}, nil, "TraceService/GetJob", "acme/app"}, "", "knows no such method"},
		"no method":                             {Request{[]string{"dns:a.ops.example.org"}, nil, "", "acme/app"}, "", "knows no such method"},
		"a project for a method without":        {Request{[]string{"dns:a.ops.example.org"}, nil, "GetTokenJob", "acme/app"}, "", "takes no project"},
	} {
		t.Run(name, func(t *testing.T) {
			d := p.Decide(test.request)
			if d.Allowed != (test.rule != "") || d.Allowed && d.Rule != test.rule {
				t.Errorf("%+v, want rule %q", d, test.rule)
			}
			if !strings.Contains(d.Why, test.why) || d.Why == "" {
				t.Errorf("why: %q, want %q", d.Why, test.why)
			}
		})
	}
}

// TestProjectsThatAreRefused: whatever GitLab could understand in another way than we.
func TestProjectsThatAreRefused(t *testing.T) {
	p := parse(t, "version: 1\nrules: [{name: all, callers: [all], methods: [all], projects: [all]}]")
	for _, project := range []string{
		"", "acme", "/", "/acme/app", "acme/app/", "acme//app", "acme/../app", "./acme/app", "acme/.", "acme/..",
		"acme%2Fapp", "acme%252Fapp", "acme/app%00", "acme/app\n", "acme/app\n42", "4\n2", "acme/app\x00", "acme\\app", "acme/app?x=1", "acme/app#x",
		"acme/app;x", " acme/app", "acme/app ", " 42", "42 ", "-42", "+42", "4_2", "42.0", "0x2a", "１２", "٤٢", "acme/ſecret", "\u212aacme/app", "acme/\xff",
		"acme/*", "**", "acme/" + strings.Repeat("a", maxProject),
	} {
		if d := p.Decide(Request{Callers: []string{"jwt:x"}, Method: "GetJob", Project: project}); d.Allowed || d.Rule != "" || !strings.Contains(d.Why, "project") {
			t.Errorf("%q: %+v", project, d)
		}
	}
	for _, project := range []string{"acme/app", "acme/sub/app.git", "_a/-b", "1/2", "acme/.b", "acme/..b", "0", "042", "99999999999999999999999"} {
		if d := p.Decide(Request{Callers: []string{"jwt:x"}, Method: "GetJob", Project: project}); !d.Allowed {
			t.Errorf("%q: %+v", project, d)
		}
	}
}

// TestReadOnly: no rule allows a write then.
func TestReadOnly(t *testing.T) {
	p := parse(t, "version: 1\nread_only: true\nrules: [{name: all, callers: [all], methods: [all], projects: [all]}]")
	if !p.ReadOnly() || p.Len() != 1 || p.Generation() != 0 {
		t.Errorf("read-only %v, %d rules, generation %d", p.ReadOnly(), p.Len(), p.Generation())
	}
	for _, m := range methods {
		project := ""
		if m.project {
			project = "acme/app"
		}
		d := p.Decide(Request{Callers: []string{"jwt:x"}, Method: m.name, Project: project})
		if d.Allowed == m.write || m.write && !strings.Contains(d.Why, "read_only") {
			t.Errorf("%s: %+v", m.name, d)
		}
	}
}

// TestDenialByClaims: a rule that denies by a claim stops those of whom it is not known.
func TestDenialByClaims(t *testing.T) {
	p := parse(t, `
version: 1
rules:
  - {name: all, callers: [all], methods: [all], projects: [all]}
  - {name: unprotected, callers: ["jwt:*"], claims: {ref_protected: false}, methods: [write], projects: [all], effect: deny}
`)
	for name, test := range map[string]struct {
		caller string
		claims map[string]any
		why    string // of the denial, "" if it is allowed
	}{
		"protected":               {"jwt:x", map[string]any{"ref_protected": "true"}, ""},
		"unprotected":             {"jwt:x", map[string]any{"ref_protected": false}, "rule unprotected denies it"},
		"not known":               {"jwt:x", nil, "by the claim ref_protected, which the caller does not have"},
		"of another type":         {"jwt:x", map[string]any{"ref_protected": nil}, "which the caller does not have"},
		"whom it is not for":      {"uri:x", nil, ""},
		"in a list":               {"jwt:x", map[string]any{"ref_protected": []string{"true", "false"}}, "denies it"},
		"a list without the text": {"jwt:x", map[string]any{"ref_protected": []string{}}, ""},
	} {
		d := p.Decide(Request{[]string{test.caller}, test.claims, "RetryJob", "acme/app"})
		if d.Allowed != (test.why == "") || !strings.Contains(d.Why, test.why) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// TestDenialOfSomeProjects: a rule that denies some projects stops calls that name none.
func TestDenialOfSomeProjects(t *testing.T) {
	p := parse(t, `
version: 1
rules:
  - {name: all, callers: [all], methods: [all], projects: ["*"]}
  - {name: secret, callers: [all], methods: [all], projects: [acme/secret], effect: deny}
`)
	d := p.Decide(Request{Callers: []string{"jwt:x"}, Method: "GetTokenJob"})
	if d.Allowed || d.Rule != "secret" || !strings.Contains(d.Why, "does not say which one") {
		t.Errorf("%+v", d)
	}
}
