package deploycheck

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

// TestBillOfMaterials reads what tools/sbom writes as others do.
func TestBillOfMaterials(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"build", "-o", dir + "/sbom", "./tools/sbom"},
		{"run", "./tools/sbom", "-version", "v0.0.0", "-o", dir + "/bill", dir + "/sbom"},
	} {
		command := exec.Command("go", args...)
		command.Dir = "../.."
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	text, err := os.ReadFile(dir + "/bill")
	if err != nil {
		t.Fatal(err)
	}
	document, err := spdxjson.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(document); err != nil {
		t.Error(err)
	}
	if len(document.Packages) < 2 {
		t.Errorf("%d packages", len(document.Packages))
	}
}
