package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
)

// startTimeout bounds how long a process may take until it listens.
const startTimeout = 20 * time.Second

// connections is how many connections the callers share.
const connections = 4

// peer is a running server process.
type peer struct {
	name    string
	addr    string // of gRPC, or of HTTP if that is all it speaks
	http    string // of HTTP
	control string // base URL of its profiles and counters, "" if it has none
	cmd     *exec.Cmd
	workers []int // processes that it has started
	conns   []*grpc.ClientConn
}

// stop ends the process and waits for it.
func (p *peer) stop() {
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	_ = p.cmd.Cancel()
	_ = p.cmd.Wait()
}

// dial opens the connections that the callers share.
func (p *peer) dial() error {
	pool := new(tieredPool)
	for range connections {
		conn, err := grpc.NewClient("passthrough:///"+p.addr,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			experimental.WithBufferPool(pool),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{pool})))
		if err != nil {
			return err
		}
		p.conns = append(p.conns, conn)
	}
	return nil
}

// command prepares a process that dies with this one, and that no setting in the
// environment tunes. It must be started from the main thread, whose end is what
// the kernel watches.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "JOBGATE_") || strings.HasPrefix(kv, "OTEL_") || strings.HasPrefix(kv, "GOGC=") || strings.HasPrefix(kv, "GOMEMLIMIT=")
	})
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// startRole starts this program as one of its roles.
func startRole(ctx context.Context, name string, cfg roleConfig) (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := command(ctx, self, "-role", name, "-upstream", cfg.upstream, "-log-bytes", fmt.Sprint(cfg.logSize))
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // held open: its end ends the role
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{name: name, cmd: cmd}
	said, err := readAnnouncement(stdout)
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.addr, p.http, p.control = said.Addr, said.Addr, "http://"+said.Control
	return p, nil
}

// readAnnouncement waits for the line in which a role tells its addresses.
func readAnnouncement(r io.Reader) (announcement, error) {
	type result struct {
		said announcement
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var got result
		line, err := bufio.NewReader(r).ReadBytes('\n')
		if got.err = err; err == nil {
			got.err = json.Unmarshal(line, &got.said)
		}
		done <- got
	}()
	select {
	case got := <-done:
		return got.said, got.err
	case <-time.After(startTimeout):
		return announcement{}, fmt.Errorf("not ready after %v", startTimeout)
	}
}

// buildGateway compiles the gateway and returns the binary's path.
func buildGateway(ctx context.Context, root, dir string) (string, error) {
	binary := filepath.Join(dir, "jobgate")
	build := command(ctx, "go", "build", "-C", root, "-o", binary, "./cmd/jobgate")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return binary, nil
}

// startGateway starts the gateway as a user does, with its defaults but for args. What it
// logs goes to a file in dir and is shown if it does not come up.
func startGateway(ctx context.Context, binary, dir, upstream string, args ...string) (*peer, error) {
	return startGatewayIn(ctx, nil, binary, dir, upstream, args...)
}

// startGatewayIn is startGateway with variables in its environment.
func startGatewayIn(ctx context.Context, env []string, binary, dir, upstream string, args ...string) (*peer, error) {
	addrs, err := freeAddrs(3)
	if err != nil {
		return nil, err
	}
	logs, err := os.CreateTemp(dir, "gateway-*.log")
	if err != nil {
		return nil, err
	}
	defer logs.Close()
	cmd := command(ctx, binary, append([]string{
		"serve", "--upstream", upstream,
		"--grpc-addr", addrs[0], "--http-addr", addrs[1], "--admin-addr", addrs[2],
	}, args...)...)
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.Env = append(append(cmd.Env, "TMPDIR="+dir), env...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{name: gatewayName, addr: addrs[0], http: addrs[1], control: "http://" + addrs[2], cmd: cmd}
	if err := errors.Join(waitListening(addrs[0]), waitListening(addrs[1])); err != nil {
		p.stop()
		said, _ := os.ReadFile(logs.Name())
		return nil, fmt.Errorf("gateway: %w\n%s", err, strings.TrimSpace(string(said)))
	}
	return p, nil
}

// freeAddrs finds loopback addresses that nobody listens on, for a program that
// cannot tell which port it got.
func freeAddrs(n int) ([]string, error) {
	var addrs []string
	for range n {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer lis.Close()
		addrs = append(addrs, lis.Addr().String())
	}
	return addrs, nil
}

// waitListening waits until somebody listens on addr.
func waitListening(addr string) error {
	deadline := time.Now().Add(startTimeout)
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
