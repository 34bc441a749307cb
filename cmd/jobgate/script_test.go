package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"jobgate": main})
}

// TestScripts runs the binary as its users do. The commands that are not testscript's
// own are described below.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[daemonKey{}] = &[]*daemon{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"start":       start,
			"terminate":   terminate,
			"interrupt":   interrupt,
			"certificate": certificate,
			"hangup":      hangup,
			"eventually":  eventually,
		},
	})
}

// exits CODE COMMAND… runs a command that must exit with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exits with %d, want %s", code, args[0])
	}
}

// daemon is a command that start has started.
type daemon struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	rest   chan struct{} // closed when stderr is complete
}

type daemonKey struct{}

// ready is the line by which a daemon says that its sockets are open.
var ready = regexp.MustCompile(`msg=serving|"msg":"serving"|^sandbox listening on`)

// addresses finds in it what a script wants to know.
var addresses = map[string]*regexp.Regexp{
	"GRPC":    regexp.MustCompile(`grpc"?[=:]"(\S+) `),
	"HTTP":    regexp.MustCompile(`http"?[=:]"(\S+) `),
	"ADMIN":   regexp.MustCompile(`admin"?[=:]"(\S+) `),
	"SANDBOX": regexp.MustCompile(`sandbox listening on (\S+)`),
}

// start [NAME=VALUE…] COMMAND… starts a command in the background, with those variables,
// and waits until it says that it serves. GRPC, HTTP, ADMIN and SANDBOX are then the
// addresses it told.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("start cannot be negated")
	}
	n := slices.IndexFunc(args, func(arg string) bool { return !strings.Contains(arg, "=") })
	environ := append([]string{"PATH=" + os.Getenv("PATH")}, args[:n]...)
	if dir := ts.Getenv("GOCOVERDIR"); dir != "" {
		environ = append(environ, "GOCOVERDIR="+dir) // go test -cover
	}
	d := &daemon{cmd: exec.Command(args[n], args[n+1:]...), rest: make(chan struct{})}
	d.cmd.Dir, d.cmd.Env = ts.MkAbs("."), environ
	pipe, err := d.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(d.cmd.Start())
	ts.Defer(func() { _ = d.cmd.Process.Kill() })
	daemons, _ := ts.Value(daemonKey{}).(*[]*daemon)
	*daemons = append(*daemons, d)

	lines := bufio.NewReader(pipe)
	for line := ""; !ready.MatchString(line); {
		line, err = lines.ReadString('\n')
		d.stderr.WriteString(line)
		if err != nil {
			ts.Fatalf("%s did not start: %v\n%s", args[n], err, d.stderr.String())
		}
		for name, pattern := range addresses {
			if found := pattern.FindStringSubmatch(line); found != nil {
				ts.Setenv(name, found[1])
			}
		}
	}
	go func() {
		defer close(d.rest)
		_, _ = io.Copy(&d.stderr, lines)
	}()
}

// terminate FILE sends SIGTERM to the last command started. It must exit with 0; its
// standard error is left in the file.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	daemons, _ := ts.Value(daemonKey{}).(*[]*daemon)
	if neg || len(args) != 1 || len(*daemons) == 0 {
		ts.Fatalf("usage: start …, then terminate FILE")
	}
	d := (*daemons)[len(*daemons)-1]
	*daemons = (*daemons)[:len(*daemons)-1]
	ts.Check(d.cmd.Process.Signal(syscall.SIGTERM))
	<-d.rest
	err := d.cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), d.stderr.Bytes(), 0o600))
	if err != nil {
		ts.Fatalf("after SIGTERM: %v\n%s", err, d.stderr.String())
	}
}

// hangup sends SIGHUP to the daemon that was started last.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	daemons, _ := ts.Value(daemonKey{}).(*[]*daemon)
	if neg || len(args) != 0 || len(*daemons) == 0 {
		ts.Fatalf("usage: start …, then hangup")
	}
	ts.Check((*daemons)[len(*daemons)-1].cmd.Process.Signal(syscall.SIGHUP))
}

// eventually CODE COMMAND… runs a command until it exits with that code.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually CODE COMMAND…")
	}
	for begun := time.Now(); time.Since(begun) < time.Minute; {
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...)); ok {
			code = exit.ExitCode()
		}
		if strconv.Itoa(code) == args[0] {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("it never exits with %s", args[0])
}

// interrupt CODE OUT ERR COMMAND… runs a command, sends SIGINT as Ctrl-C does once it has
// printed something, and lets it exit with that code. What it printed is left in the files.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: interrupt CODE OUT ERR COMMAND…")
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(args[3], args[4:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "JOBGATE_ADDR=" + ts.Getenv("JOBGATE_ADDR"), "JOBGATE_TOKEN=" + ts.Getenv("JOBGATE_TOKEN")}
	cmd.Dir, cmd.Stderr = ts.MkAbs("."), &stderr
	pipe, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	first := make([]byte, 1)
	_, err = io.ReadFull(pipe, first)
	ts.Check(errors.Join(err, cmd.Process.Signal(syscall.SIGINT)))
	stdout.Write(first)
	_, err = io.Copy(&stdout, pipe)
	ts.Check(err)
	_ = cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), stdout.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), stderr.Bytes(), 0o600))
	if code := strconv.Itoa(cmd.ProcessState.ExitCode()); code != args[0] {
		ts.Fatalf("exits with %s, want %s: %s", code, args[0], stderr.String())
	}
}

// certificate CERT KEY writes a certificate for gateway.test, signed by itself.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate CERT KEY")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"gateway.test"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for file, block := range map[string]*pem.Block{
		args[0]: {Type: "CERTIFICATE", Bytes: cert},
		args[1]: {Type: "PRIVATE KEY", Bytes: private},
	} {
		ts.Check(os.WriteFile(ts.MkAbs(file), pem.EncodeToMemory(block), 0o600))
	}
}
