package policy

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	openPolicy   = "version: 1\nrules: [{name: all, callers: [all], methods: [all], projects: [all]}]"
	closedPolicy = "version: 1\nrules: []"
)

// TestStore: a changed file counts from the next reload, and a bad one never does.
func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if _, err := NewStore(path); err == nil {
		t.Error("a missing file is taken")
	}
	write(t, path, "version: 2")
	if _, err := NewStore(path); err == nil {
		t.Error("a bad file is taken")
	}
	write(t, path, openPolicy)
	s, err := NewStore(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		text       string // of the file, "" removes it
		changed    bool
		wrong      string
		allows     bool
		generation uint64
	}{
		{openPolicy, false, "", true, 1},
		{closedPolicy, true, "", false, 2},
		{closedPolicy, false, "", false, 2},
		{"version: 1\nrules: [", false, path, false, 2},
		{"version: 1\nrules: [", false, path, false, 2},
		{"", false, path, false, 2},
		{"# " + strings.Repeat("x", 1<<20), false, "larger than 1048576", false, 2},
		{closedPolicy, false, "", false, 2},
		{openPolicy, true, "", true, 3},
	} {
		if step.text == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else {
			write(t, path, step.text)
		}
		changed, err := s.Reload()
		if changed != step.changed || (err != nil) != (step.wrong != "") || err != nil && !strings.Contains(err.Error(), step.wrong) {
			t.Errorf("%.40q: changed %v, %v", step.text, changed, err)
		}
		d := s.Current().Decide(Request{Callers: []string{"jwt:x"}, Method: "GetJob", Project: "acme/app"})
		if d.Allowed != step.allows || s.Current().Generation() != step.generation {
			t.Errorf("%.40q: %+v, generation %d", step.text, d, s.Current().Generation())
		}
	}
}

// TestStoreConcurrently: decisions while the file changes are those of one policy or the
// other, and generations only grow.
func TestStoreConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, openPolicy)
	s, err := NewStore(path)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var last uint64
			for {
				p := s.Current()
				odd := p.Generation()%2 == 1 // openPolicy
				if d := p.Decide(Request{Callers: []string{"jwt:x"}, Method: "GetJob", Project: "acme/app"}); d.Allowed != odd {
					t.Errorf("generation %d: %+v", p.Generation(), d)
				}
				if p.Generation() < last {
					t.Errorf("generation %d after %d", p.Generation(), last)
				}
				last = p.Generation()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 50 {
		text := closedPolicy
		if i%2 == 1 {
			text = openPolicy
		}
		write(t, path, text)
		var reloaders sync.WaitGroup
		for range 2 {
			reloaders.Go(func() {
				if _, err := s.Reload(); err != nil {
					t.Error(err)
				}
			})
		}
		reloaders.Wait()
	}
	close(stop)
	readers.Wait()
	if got := s.Current().Generation(); got != 51 {
		t.Errorf("generation %d", got)
	}
}
