package nginx

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// gitlab is the sandbox, and what it was asked to change.
type gitlab struct {
	*sandbox.Sandbox
	url string

	mu     sync.Mutex
	writes map[string]int // path of a POST to how often it came
	other  []string       // paths that were not escaped as the test sends them
}

func startGitLab(t *testing.T) *gitlab {
	t.Helper()
	g := &gitlab{Sandbox: sandbox.New(), writes: map[string]int{}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.note(r)
		g.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	g.url = front.URL
	return g
}

func (g *gitlab) note(r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	path := r.URL.EscapedPath()
	if r.Method == http.MethodPost {
		g.writes[path]++
	}
	if strings.Contains(path, "acme/widgets") {
		g.other = append(g.other, path)
	}
}

// process is a running gateway.
type process struct {
	cmd               *exec.Cmd
	grpc, http, admin string
	done              chan error
}

// shutdownTimeout is that of the gateways.
const shutdownTimeout = 10 * time.Second

// built is the directory of the gateway's binary, once there is one.
var built string

var buildGateway = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "jobgate-nginx-"); err != nil {
		return "", err
	}
	path := filepath.Join(built, "jobgate")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/jobgate").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// startGateway starts a gateway on ports of its own, and waits until it serves. What is left of
// it ends with the test.
func startGateway(t *testing.T, g *gitlab) (*process, error) {
	t.Helper()
	program, err := buildGateway()
	if err != nil {
		return nil, err
	}
	p := &process{done: make(chan error, 1), cmd: exec.Command(program, "serve",
		"--upstream", g.url, "--log-format", "json", "--shutdown-timeout", shutdownTimeout.String(),
		"--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0",
		"--trusted-proxies", "127.0.0.1", "--recheck-interval", "2s")}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(said)
	first, err := lines.ReadBytes('\n')
	var serving struct{ Msg, GRPC, HTTP, Admin string }
	if err := errors.Join(err, json.Unmarshal(first, &serving)); err != nil {
		_ = p.cmd.Process.Kill()
		return nil, fmt.Errorf("%w: %s", err, first)
	}
	p.grpc, _, _ = strings.Cut(serving.GRPC, " ")
	p.http, _, _ = strings.Cut(serving.HTTP, " ")
	p.admin, _, _ = strings.Cut(serving.Admin, " ")
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		p.done <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p, p.healthy(program)
}

// healthy asks as an operator does.
func (p *process) healthy(program string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		out, err := exec.CommandContext(ctx, program, "healthcheck", "--grpc-addr", p.grpc).CombinedOutput()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
}

func (p *process) line() replicaLine { return replicaLine{grpc: p.grpc, http: p.http} }

// terminate sends SIGTERM and returns how long the process took to end.
func (p *process) terminate() (time.Duration, error) {
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	select {
	case err := <-p.done:
		return time.Since(begin), err
	case <-time.After(3 * shutdownTimeout):
		_ = p.cmd.Process.Kill()
		return time.Since(begin), errors.New("still there")
	}
}

// metric is a metric without labels.
func (p *process) metric(t *testing.T, name string) (value float64) {
	t.Helper()
	answer, err := http.Get("http://" + p.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, _ = fmt.Sscan(rest, &value)
			return value
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func startTwo(t *testing.T, g *gitlab) [2]*process {
	t.Helper()
	var two [2]*process
	for i := range two {
		p, err := startGateway(t, g)
		if err != nil {
			t.Fatal(err)
		}
		two[i] = p
	}
	return two
}
