package policy

import (
	"fmt"
	"strings"
	"testing"
)

// policies of 1,000 rules, and a request that the last one decides.
var policies = []struct {
	name    string
	rule    func(i int) string
	request Request
}{
	{
		"names", func(i int) string {
			return fmt.Sprintf(`callers: ["uri:spiffe://example.org/team-%d/*", "jwt:team-%d-*"], methods: [read, RetryJob], projects: ["acme/team-%d/**", "%d"]`, i, i, i, i+1)
		},
		Request{[]string{"uri:spiffe://example.org/team-999/deploy", "dns:deploy.example.org"}, nil, "RetryJob", "acme/team-999/web/app"},
	},
	{
		"claims", func(i int) string {
			return fmt.Sprintf(`callers: ["jwt:*"], claims: {project_path: "acme/team-%d/*", ref_protected: true}, methods: [all], projects: ["acme/team-%d/*"]`, i, i)
		},
		Request{
			[]string{"jwt:project_path:acme/team-999/app:ref_type:branch:ref:main"},
			map[string]any{"project_path": "acme/team-999/app", "ref_protected": "true"},
			"RetryJob", "acme/team-999/app",
		},
	},
	{
		"suffixes", func(i int) string {
			return fmt.Sprintf(`callers: ["dns:*.team-%d.example.org"], methods: [all], projects: ["**/app-%d"]`, i, i)
		},
		Request{[]string{"dns:ci.team-999.example.org"}, nil, "GetJob", "acme/sub/app-999"},
	},
	{
		"denials", func(i int) string {
			if i == 999 {
				return `callers: [all], methods: [all], projects: ["**"]`
			}
			return fmt.Sprintf(`callers: [all], methods: [write], projects: ["acme/secret-%d*"], effect: deny`, i)
		},
		Request{[]string{"jwt:build"}, nil, "CancelJob", "acme/app"},
	},
	{
		"equal", func(int) string {
			return `callers: ["jwt:build-*"], claims: {ref_protected: true}, methods: [all], projects: ["acme/*"]`
		},
		Request{[]string{"jwt:build-7"}, map[string]any{"ref_protected": true}, "CancelJob", "acme/app"},
	},
}

func bigPolicy(t testing.TB, rule func(i int) string) *Policy {
	t.Helper()
	var text strings.Builder
	text.WriteString("version: 1\nrules:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - {name: rule-%d, %s}\n", i, rule(i))
	}
	return parse(t, text.String())
}

// TestDecideTakesNoMemory: of 1,000 rules, whatever their form.
func TestDecideTakesNoMemory(t *testing.T) {
	for _, test := range policies {
		p := bigPolicy(t, test.rule)
		if d := p.Decide(test.request); !d.Allowed {
			t.Errorf("%s: %+v", test.name, d)
		}
		if n := testing.AllocsPerRun(100, func() { p.Decide(test.request) }); n > 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, test := range policies {
		p := bigPolicy(b, test.rule)
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Decide(test.request); !d.Allowed {
					b.Fatalf("%+v", d)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		bigPolicy(b, policies[0].rule)
	}
}
