package isolation

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build makes the binary.
func build(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the binary")
	}
	bin := filepath.Join(t.TempDir(), "jobgate")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "github.com/jobgate/jobgate/cmd/jobgate").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// TestCommandLine gives secrets to commands, by flags, environment and file, where they are
// wrong: nothing of what is printed has one.
func TestCommandLine(t *testing.T) {
	bin := build(t)
	for _, line := range []string{ // an assignment in front is of the environment
		"serve --upstream http://user:@@127.0.0.1:1", "serve --upstream http://@@127.0.0.1:1", "serve --upstream http://127.0.0.1:1/?private_token=@",
		"serve --upstream http://127.0.0.1:1/#@", "serve --upstream ftp://user:@@127.0.0.1:1", "serve --upstream http://%zz@", "serve --upstream http://user:@@127.0.0.1:1:1",
		"JOBGATE_UPSTREAM=http://user:@@127.0.0.1:1 serve", "JOBGATE_UPSTREAM=http://user:@@127.0.0.1:1 serve --sandbox", "JOBGATE_UPSTREAM=http://user:@@127.0.0.1:1 serve --help",
		"serve --upstream http://127.0.0.1:1 --public-url http://user:@@h", "serve --upstream=http://127.0.0.1:1 --token=@",
		"JOBGATE_TOKEN=@ --help", "JOBGATE_TOKEN=@ call --help", "JOBGATE_TOKEN=@ serve --help", "JOBGATE_TOKEN=@ trace --help", "JOBGATE_TOKEN=@ config", "JOBGATE_TOKEN=@ config --help",
		"JOBGATE_TOKEN=@ version", "JOBGATE_TOKEN=@ healthcheck --addr 127.0.0.1:1", "JOBGATE_TOKEN=@ call GetJob {} --addr 127.0.0.1:1",
		"call GetJob {} --addr 127.0.0.1:1 --timeout 1s --token @", "call GetJob {} --addr 127.0.0.1:1 --timeout 1s -H private-token:@", "call GetJob {} -H private-token=@",
		"call GetJob {} --addr 127.0.0.1:1 -H @", "call GetJob {} --addr 127.0.0.1:1 -H grpc-x:@", "call GetJob @", `call GetJob "@"`, `call GetJob {"private_token":"@"}`,
		"call GetJob {} --addr 127.0.0.1:1 --timeout 1s -H bad\x01name:@", "call GetJob {} --addr 127.0.0.1:1 --timeout 1s -H private-token:\x01@",
		"call --tokn=@ GetJob", "call --token=@ --nothing", "trace --token=@ --nothing", "JOBGATE_CONFIG=FILE serve", "serve --config FILE", "serve --config FILE2", "serve --config FILE3",
	} {
		k := secrets.add("none", line, false)
		dir := t.TempDir()
		for name, text := range map[string]string{
			"FILE": "upstream: http://user:@@127.0.0.1:1\n", "FILE2": "upstream: http://127.0.0.1:1\nprivate-token: @\n", "FILE3": "upstream: [http://user:@@127.0.0.1:1\n - @",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "@@", k.token()+"@")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var env, args []string
		for word := range strings.FieldsSeq(line) {
			word = strings.ReplaceAll(word, "@@", "\x00")
			word = strings.ReplaceAll(strings.ReplaceAll(word, "@", k.token()), "\x00", k.token()+"@")
			if strings.HasSuffix(word, "FILE") || strings.HasPrefix(word, "FILE") {
				word = strings.ReplaceAll(word, "FILE", filepath.Join(dir, "FILE"))
			}
			if strings.HasPrefix(word, "JOBGATE_") {
				env = append(env, word)
			} else {
				args = append(args, word)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		cmd := exec.CommandContext(ctx, bin, args...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		cancel()
		if ctx.Err() == context.DeadlineExceeded {
			t.Errorf("%s: went on: %s", line, out)
		}
		_ = err
		if k.in(out) {
			t.Errorf("%s: printed %s", line, out)
		}
	}
}

// TestProcess runs the binary before a GitLab that sends more than its answers, and a proxy that
// cannot be reached, and has its stacks printed: nothing of what is written has a secret.
func TestProcess(t *testing.T) {
	bin := build(t)
	gitlab, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := secrets.add("none", "a header, and a log that comes with an answer to HEAD", false)
	var serving sync.WaitGroup
	serving.Go(func() { overflow(gitlab, k.token()) })
	defer serving.Wait()
	defer func() { _ = gitlab.Close() }()

	t.Run("gitlab sends too much", func(t *testing.T) {
		p := start(t, bin, nil, "http://"+gitlab.Addr().String())
		for range 5 {
			p.get(t, http.MethodHead, "/api/v4/projects/1/jobs/1/trace", k.token())
			time.Sleep(20 * time.Millisecond)
		}
		out := p.quit(t)
		if !strings.Contains(string(out), "received on idle HTTP channel") { // at debug
			t.Errorf("net/http has nothing to say: %.1000s", out)
		}
		if k.in(out) {
			t.Errorf("written: %.1000s", out)
		}
	})
	t.Run("proxy", func(t *testing.T) {
		k := secrets.add("none", "a proxy", false)
		p := start(t, bin, []string{"HTTP_PROXY=http://user:" + k.token() + "@127.0.0.1:1"}, "http://gitlab.test")
		if got := p.get(t, http.MethodGet, "/api/v4/projects/1/jobs/1", "glpat-of-somebody"); k.in(got) {
			t.Errorf("told %s", got)
		}
		if out := p.quit(t); k.in(out) {
			t.Errorf("written: %s", out)
		}
	})
	t.Run("bad proxy", func(t *testing.T) {
		k := secrets.add("none", "a bad proxy", false)
		p := start(t, bin, []string{"HTTP_PROXY=http://user:" + k.token() + "@[::bad"}, "http://gitlab.test")
		if got := p.get(t, http.MethodGet, "/api/v4/projects/1/jobs/1", "glpat-of-somebody"); k.in(got) {
			t.Errorf("told %s", got)
		}
		if out := p.quit(t); k.in(out) {
			t.Errorf("written: %s", out)
		}
	})
}

// overflow answers each request, and to HEAD with a body.
func overflow(at net.Listener, secret string) {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := at.Accept()
		if err != nil {
			return
		}
		conns.Go(func() {
			defer func() { _ = conn.Close() }()
			in := bufio.NewReader(conn)
			for {
				_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", len(secret))
				time.Sleep(5 * time.Millisecond)
				_, _ = io.WriteString(conn, secret)
			}
		})
	}
}

// running is a gateway as a process.
type running struct {
	cmd *exec.Cmd
	out written
	url string
}

func start(t *testing.T, bin string, env []string, gitlab string) *running {
	t.Helper()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	_ = free.Close()
	p := &running{url: "http://" + addr}
	p.cmd = exec.CommandContext(t.Context(), bin, "serve", "--upstream", gitlab, "--grpc-addr", "127.0.0.1:0", "--http-addr", addr,
		"--admin-addr", "127.0.0.1:0", "--log-level", "debug", "--upstream-timeout", "2s", "--upstream-attempts", "1")
	p.cmd.Env = append(append(os.Environ(), "GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=99", "GOTRACEBACK=all"), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	for range 200 {
		if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = conn.Close()
			return p
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("it does not listen: %s", p.out.take())
	return nil
}

func (p *running) get(t *testing.T, method, path, token string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Private-Token", token)
	transport := &http.Transport{DisableKeepAlives: true, Proxy: nil}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	_ = resp.Header.Write(&b)
	_, _ = b.ReadFrom(resp.Body)
	return b.Bytes()
}

// quit has the process print its stacks, and returns all that it has written.
func (p *running) quit(t *testing.T) []byte {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	_ = p.cmd.Wait()
	out := p.out.take()
	if !bytes.Contains(out, []byte("goroutine ")) {
		t.Errorf("no stacks: %.500s", out)
	}
	return out
}

// TestPanicOfAFollower has the transport panic with all that it was sent, in a process of its
// own.
func TestPanicOfAFollower(t *testing.T) {
	if os.Getenv("ISOLATION_PANIC") != "" {
		c := newCage(t)
		for _, m := range moods {
			if m.name == "panic" {
				c.parrot.mood.Store(m)
			}
		}
		for _, way := range grpcWays {
			if way.follows() {
				way.send(t.Context(), c.conn, "glpat-of-a-follower")
			}
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPanicOfAFollower$", "-test.timeout=8s")
	cmd.Env = append(os.Environ(), "ISOLATION_PANIC=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("the process ended with %v: %.2000s", err, out)
	}
	if bytes.Contains(out, []byte("glpat-of-a-follower")) {
		t.Errorf("written: %.2000s", out)
	}
}
