package deploycheck

import (
	"os"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// TestDockerfile reads the file as BuildKit does, with its linter, and looks at what must hold
// for the image.
func TestDockerfile(t *testing.T) {
	file, err := os.Open("../../deploy/container/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ast, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range ast.Warnings {
		t.Errorf("line %v: %s", warning.Location, warning.Short)
	}
	rules := linter.New(&linter.Config{ExperimentalAll: true, Warn: func(rule, _, _, message string, at []parser.Range) {
		t.Errorf("%s: %s, at %v", rule, message, at)
	}})
	stages, _, err := instructions.Parse(ast.AST, rules)
	if err != nil {
		t.Fatal(err)
	}
	user, health, shell := "", false, false
	for _, command := range stages[len(stages)-1].Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.HealthCheckCommand:
			health = strings.Join(c.Health.Test, " ") == "CMD /jobgate healthcheck"
		case *instructions.RunCommand:
			shell = true
		case *instructions.EntrypointCommand:
			shell = shell || c.PrependShell
		}
	}
	if user != "65532:65532" || !health || shell {
		t.Errorf("user %q, health check %v, needs a shell %v", user, health, shell)
	}
}
