package deploycheck

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestStart starts a gateway with the settings that the chart renders, and ends it. Only the
// addresses and the spool's directory are other ones here.
func TestStart(t *testing.T) {
	files, err := render(t, cases(t)[chartDir+"/ci/plaintext-values.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, binary := filepath.Join(dir, "jobgate.yaml"), filepath.Join(dir, "jobgate")
	settings := read(t, "configmap.yaml", files["configmap.yaml"])[0].(*corev1.ConfigMap).Data["jobgate.yaml"]
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", binary, "./cmd/jobgate")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	gateway := exec.Command(binary, "serve", "--config", config, "--spool-dir", dir,
		"--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0")
	said, err := gateway.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	lines, all := bufio.NewScanner(said), ""
	for lines.Scan() {
		all += lines.Text() + "\n"
		if strings.Contains(lines.Text(), `"msg":"serving"`) {
			_ = gateway.Process.Signal(syscall.SIGTERM)
		}
	}
	if err := gateway.Wait(); err != nil {
		t.Errorf("%v\n%s", err, all)
	}
	if strings.Contains(all, `"level":"WARN"`) {
		t.Errorf("it warns:\n%s", all)
	}
}
