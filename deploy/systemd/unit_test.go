package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnit verifies the unit together with its drop-in, and lets systemd judge its exposure: of
// 10, it may have 2.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("systemd-analyze is not installed")
		}
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	program, err := os.Executable() // the one that it names is not installed here
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/jobgate.service.d", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"jobgate.service", "jobgate.service.d/credentials.conf"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.Replace(string(text), "ExecStart=/usr/bin/jobgate ", "ExecStart="+program+" ", 1))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"verify", "./jobgate.service"},
		{"security", "--offline=true", "--threshold=20", "./jobgate.service"},
	} {
		command := exec.Command("systemd-analyze", args...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
		}
	}
}
