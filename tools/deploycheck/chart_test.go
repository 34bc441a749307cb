package deploycheck

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
)

var write = flag.Bool("write", false, "write deploy/kubernetes anew")

const (
	chartDir     = "../../deploy/helm/jobgate"
	manifestsDir = "../../deploy/kubernetes"
)

// kubeVersion is the oldest one that the chart is for.
var kubeVersion = &chartutil.KubeVersion{Version: "v1.30.0", Major: "1", Minor: "30"}

// cases are the values that the chart is rendered with, by file.
func cases(t *testing.T) map[string]chartutil.Values {
	t.Helper()
	files, err := filepath.Glob(chartDir + "/ci/*-values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no values: %v", err)
	}
	all := map[string]chartutil.Values{}
	for _, file := range append(files, manifestsDir+"/values.yaml") {
		values, err := chartutil.ReadValuesFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = values
	}
	return all
}

// render renders the chart, as `helm template jobgate` does: file of a template to its text.
func render(t *testing.T, values chartutil.Values) (map[string]string, error) {
	t.Helper()
	chart, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *kubeVersion
	release := chartutil.ReleaseOptions{Name: "jobgate", Namespace: "jobgate", IsInstall: true}
	all, err := chartutil.ToRenderValuesWithSchemaValidation(chart, values, release, capabilities, false)
	if err != nil {
		return nil, err
	}
	texts, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for path, text := range texts {
		if name := filepath.Base(path); strings.HasSuffix(name, ".yaml") && strings.TrimSpace(text) != "" {
			files[name] = strings.TrimSpace(text) + "\n"
		}
	}
	return files, nil
}

func TestLint(t *testing.T) {
	for file, values := range cases(t) {
		linter := lint.AllWithKubeVersion(chartDir, values, "jobgate", kubeVersion)
		for _, message := range linter.Messages {
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %v", file, message)
			}
		}
	}
}

// TestRefused names values that must not become a release, and the words that say why.
func TestRefused(t *testing.T) {
	base := "config: {upstream: \"https://gitlab.example.com\"}\n"
	for _, c := range []struct{ values, want string }{
		{"plaintext: true", "/config/upstream"},
		{"config: {upstream: gitlab.example.com}", "/config/upstream"},
		{base, "tls.grpc.secretName: required"},
		{base + "tls: {grpc: {secretName: a}}", "tls.http.secretName: required"},
		{base + "plaintext: true\nserviceAccountMode: {tokenSecretName: a}", "policy: required"},
		{base + "plaintext: true\nreplica: 3", "replica"},
		{base + "plaintext: true\nimage: {digest: latest}", "/image/digest"},
		{"config: {upstream: \"https://gitlab.example.com\", shutdown-timeout: 1.5s}", "shutdown-timeout"},
		{"config: {upstream: \"https://gitlab.example.com\", grpc_addr: a}", "grpc_addr"},
	} {
		values, err := chartutil.ReadValues([]byte(c.values))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = render(t, values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want it refused for %q", c.values, err, c.want)
		}
	}
}

// ofHelm are lines that only make sense for what Helm has installed.
var ofHelm = regexp.MustCompile(`(?m)^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n`)

// TestManifests holds the plain manifests to the chart.
func TestManifests(t *testing.T) {
	files, err := render(t, cases(t)[manifestsDir+"/values.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		text = "# Rendered from the chart: see kustomization.yaml.\n" + ofHelm.ReplaceAllString(text, "")
		path := filepath.Join(manifestsDir, name)
		if *write {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		there, _ := os.ReadFile(path)
		if string(there) != text {
			t.Errorf("%s is not what the chart says: go test ./... -write in tools/deploycheck", path)
		}
	}
	want := slices.Sorted(maps.Keys(files))
	want = append(want, "kustomization.yaml", "values.yaml")
	slices.Sort(want)
	var got []string
	entries, _ := os.ReadDir(manifestsDir)
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has %v, want %v", manifestsDir, got, want)
	}
}
