package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// scrape is what a gateway exports after some calls: metric to label to its values.
func scrape(t *testing.T) map[string]map[string]map[string]bool {
	t.Helper()
	gitlab := httptest.NewServer(newer(sandbox.New()))
	defer gitlab.Close()
	api, err := upstream.New(gitlab.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	gateway, err := server.New(server.Config{Version: "test", SpoolMemory: 1 << 20}, api, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	at := server.Listeners{GRPC: listen(t), HTTP: listen(t), Admin: listen(t)}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- gateway.Run(ctx, at) }()
	fetch(t, fmt.Sprintf("http://%s/api/v4/projects/1/jobs/%d?private_token=%s", at.HTTP.Addr(), sandbox.JobSuccess, sandbox.TokenDeveloper))
	text := fetch(t, fmt.Sprintf("http://%s/metrics", at.Admin.Addr()))
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	all := map[string]map[string]map[string]bool{"up": {}}
	for _, m := range regexp.MustCompile(`(?m)^([a-z_0-9]+)(?:\{(.*)\})? `).FindAllStringSubmatch(text, -1) {
		if all[m[1]] == nil {
			all[m[1]] = map[string]map[string]bool{}
		}
		for _, l := range regexp.MustCompile(`([a-z_]+)="([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
			if all[m[1]][l[1]] == nil {
				all[m[1]][l[1]] = map[string]bool{}
			}
			all[m[1]][l[1]][l[2]] = true
		}
	}
	return all
}

// newer is a GitLab with a member that the contract does not know.
func newer(old http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		old.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(bytes.Replace(answer.Body.Bytes(), []byte(`{"id":`), []byte(`{"brand_new":true,"id":`), 1))
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, answer.Status, err)
	}
	return string(text)
}

// ofScrape are labels that Prometheus adds.
var ofScrape = map[string]bool{"job": true, "instance": true}

// TestMetricsExist looks for each metric of the rules and the dashboard in a real scrape, with
// the labels and the values that they ask for.
func TestMetricsExist(t *testing.T) {
	there := scrape(t)
	for where, text := range expressions(t) {
		text = regexp.MustCompile(`\b(by|without) \([^)]*\)`).ReplaceAllString(text, "")
		for _, m := range regexp.MustCompile(`\b((?:jobgate|process|go)_[a-z_0-9]+|up)(?:\{([^}]*)\})`).FindAllStringSubmatch(text, -1) {
			labels, ok := there[m[1]]
			if !ok {
				t.Errorf("%s: the gateway exports no %s", where, m[1])
				continue
			}
			for _, l := range regexp.MustCompile(`([a-z_]+)(=~?)"([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
				if ofScrape[l[1]] {
					continue
				}
				for value := range strings.SplitSeq(l[3], "|") {
					if !labels[l[1]][value] {
						t.Errorf("%s: there is no %s{%s=%q}", where, m[1], l[1], value)
					}
				}
			}
		}
	}
}

// expressions are all of the rules and the dashboard, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range rules(t) {
		all[r.Alert] = r.Expr
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
		Annotations struct{ List []struct{ Name, Expr string } }
	}
	if err := json.Unmarshal(read(t, "dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all[panel.Title+", "+target.RefID] = target.Expr
		}
	}
	for _, a := range dashboard.Annotations.List {
		all["annotation "+a.Name] = a.Expr
	}
	return all
}

type rule struct {
	Alert, Expr string
	Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(read(t, "jobgate.rules.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no rules")
	}
	return all
}

// TestRunbook looks for an entry for each alert in docs/operations.md.
func TestRunbook(t *testing.T) {
	text := read(t, "../../docs/operations.md")
	tests := read(t, "jobgate.rules.test.yaml")
	for _, r := range rules(t) {
		if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want {
			t.Errorf("%s: its runbook is %s, want %s", r.Alert, r.Annotations["runbook"], want)
		}
		if !bytes.Contains(text, []byte("\n### "+r.Alert+"\n")) {
			t.Errorf("docs/operations.md has no entry for %s", r.Alert)
		}
		if !bytes.Contains(tests, []byte("alertname: "+r.Alert+"\n        exp_alerts:")) {
			t.Errorf("no test lets %s fire", r.Alert)
		}
	}
}

// TestRules lets promtool check the rules and run their tests, and read the dashboard's expressions.
func TestRules(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("promtool is not installed")
		}
		t.Skip("promtool is not installed")
	}
	type recorded struct{ Record, Expr string }
	var all []recorded
	for _, expr := range expressions(t) {
		expr = strings.NewReplacer("$__rate_interval", "5m", "$job", "jobgate", "$instance", ".*").Replace(expr)
		all = append(all, recorded{fmt.Sprint("panel:", len(all)), expr})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": all}}})
	if err != nil {
		t.Fatal(err)
	}
	panels := t.TempDir() + "/panels.yaml"
	if err := os.WriteFile(panels, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "rules", "jobgate.rules.yaml"},
		{"check", "rules", panels},
		{"check", "config", "--syntax-only", "scrape.yaml"},
		{"test", "rules", "jobgate.rules.test.yaml"},
	} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
