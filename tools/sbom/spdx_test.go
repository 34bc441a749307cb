package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestBill makes the bill of this test's own binary.
func TestBill(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var texts [2][]byte
	for i := range texts {
		out := filepath.Join(t.TempDir(), "bill")
		if err := run(binary, "v1.2.3+x", time.Unix(1, 0), out); err != nil {
			t.Fatal(err)
		}
		texts[i], _ = os.ReadFile(out)
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Error("the same binary has two bills")
	}
	var doc document
	if err := json.Unmarshal(texts[0], &doc); err != nil {
		t.Fatal(err)
	}
	if want := len(info.Deps) + 2; len(doc.Packages) != want || len(doc.Relationships) != want {
		t.Errorf("%d packages and %d relationships, want %d", len(doc.Packages), len(doc.Relationships), want)
	}
	ids := map[string]bool{}
	for _, p := range doc.Packages {
		if ids[p.SPDXID] || !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(p.SPDXID) {
			t.Errorf("identifier %s is none, or not unique", p.SPDXID)
		}
		ids[p.SPDXID] = true
	}
	for _, r := range doc.Relationships {
		if !ids[r.Related] {
			t.Errorf("a relationship with %s, which is not there", r.Related)
		}
	}
	if p := doc.Packages[0]; p.ExternalRefs[0].Locator != "pkg:golang/github.com/jobgate/jobgate@v1.2.3%2Bx" || len(p.Checksums) != 1 {
		t.Errorf("the binary's own package is %+v", p)
	}
	if doc.CreationInfo.Created != "1970-01-01T00:00:01Z" {
		t.Errorf("made at %s", doc.CreationInfo.Created)
	}
}
