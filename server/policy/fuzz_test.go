package policy

import (
	"strings"
	"testing"
)

// FuzzParse proves that no file brings the parser down, that errors name the file, and that
// whatever is taken decides, and allows nobody without a name.
func FuzzParse(f *testing.F) {
	f.Add(example, "jwt:x", "GetJob", "acme/app")
	f.Add("version: 1\nrules:\n"+goodRule, "uri:a", "RetryJob", "42")
	f.Add("version: 1\nread_only: true\nrules: [*a, &a {name: x}]", "dns:A.b", "GetTokenJob", "")
	f.Add("a: &a [*a]\n<<: *a\n? b\n", "", "", "%")
	f.Fuzz(func(t *testing.T, text, caller, method, project string) {
		p, err := Parse("p.yaml", []byte(text))
		if err != nil {
			if p != nil || !strings.HasPrefix(err.Error(), "p.yaml:") {
				t.Fatalf("%v with %v", p, err)
			}
			return
		}
		d := p.Decide(Request{Callers: []string{caller}, Claims: map[string]any{"ref_protected": true}, Method: method, Project: project})
		if d.Why == "" || d.Allowed && d.Rule == "" {
			t.Fatalf("%+v", d)
		}
		if d := p.Decide(Request{Method: method, Project: project}); d.Allowed {
			t.Fatalf("nobody is allowed: %+v", d)
		}
	})
}
