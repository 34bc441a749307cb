package nginx

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// front is a running nginx with the configuration of this directory.
type front struct {
	t         *testing.T
	dir, addr string
	cmd       *exec.Cmd
	roots     *x509.CertPool

	mu       sync.Mutex
	replicas []replicaLine
}

// keepaliveTime is how old a client's connection may become: less than is published.
const keepaliveTime = time.Second

// replicaLine is a replica as jobgate-upstreams.conf names it.
type replicaLine struct {
	grpc, http string
	down       bool
}

// findNginx returns the program. Where tests must not be left out, it must be there.
func findNginx(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("nginx is not installed")
	}
	t.Skip("nginx is not installed")
	return ""
}

// startFront starts nginx before the replicas. It ends with the test.
func startFront(t *testing.T, replicas ...replicaLine) *front {
	t.Helper()
	f := &front{t: t, dir: t.TempDir(), addr: freeAddr(t), replicas: replicas}
	f.writeCertificate()
	f.writeUpstreams()
	f.write("nginx.conf", fmt.Sprintf(`daemon off;
worker_processes 2;
worker_shutdown_timeout 1h;
pid %[1]s/pid;
error_log stderr error;
events { worker_connections 4096; }
http {
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	include %[1]s/jobgate.conf;
	include %[1]s/jobgate-upstreams.conf;
}
`, f.dir))
	// Only addresses and paths are other ones here, and the age of connections.
	f.write("jobgate.conf", replaced(t, readFile(t, "jobgate.conf"),
		"listen 443 ssl", "listen "+f.addr+" ssl",
		"keepalive_time 1m;", fmt.Sprintf("keepalive_time %d;", keepaliveTime/time.Second),
		"/etc/nginx/jobgate/", f.dir+"/",
		"/var/log/nginx/", f.dir+"/"))
	if out, err := f.nginx("-t").CombinedOutput(); err != nil {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	f.cmd = f.nginx()
	var said bytes.Buffer
	f.cmd.Stderr = &said
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = f.cmd.Process.Signal(syscall.SIGTERM)
		_ = f.cmd.Wait()
		if t.Failed() {
			t.Logf("nginx said:\n%s", said.String())
			for _, name := range []string{"jobgate-error.log", "jobgate.log"} {
				text, _ := os.ReadFile(filepath.Join(f.dir, name))
				t.Logf("%s ends with:\n%s", name, text[max(0, len(text)-4000):])
			}
		}
	})
	waitFor(t, "nginx", func() bool {
		conn, err := net.DialTimeout("tcp", f.addr, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return f
}

func (f *front) nginx(args ...string) *exec.Cmd {
	return exec.Command(findNginx(f.t), append([]string{"-p", f.dir, "-c", filepath.Join(f.dir, "nginx.conf"), "-e", "stderr"}, args...)...)
}

func (f *front) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// writeUpstreams writes the published file with the replicas of the test.
func (f *front) writeUpstreams() {
	text := readFile(f.t, "jobgate-upstreams.conf")
	for i, r := range f.replicas {
		end := ";"
		if r.down {
			end = " down;"
		}
		const rest = " max_fails=2 fail_timeout=5s"
		text = replaced(f.t, text,
			fmt.Sprintf("10.0.0.1%d:9090%s;", i+1, rest), r.grpc+rest+end,
			fmt.Sprintf("10.0.0.1%d:8080%s;", i+1, rest), r.http+rest+end)
	}
	f.write("jobgate-upstreams.conf", text)
}

// set changes a replica's lines and lets nginx take that up, as operations.md says: it returns
// once no connection is left that gives new calls to replicas by the lines before.
func (f *front) set(i int, line replicaLine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replicas[i] = line
	f.writeUpstreams()
	before := f.workers()
	if out, err := f.nginx("-t").CombinedOutput(); err != nil {
		f.t.Errorf("nginx -t: %v\n%s", err, out)
	}
	if out, err := f.nginx("-s", "reload").CombinedOutput(); err != nil {
		f.t.Errorf("nginx -s reload: %v\n%s", err, out)
	}
	waitFor(f.t, "nginx's new workers", func() bool {
		now := f.workers()
		for pid := range before {
			if now[pid] {
				return false
			}
		}
		return len(now) > 0
	})
	time.Sleep(2 * keepaliveTime) // as the procedure has it: connections that were busy
}

// workers are the processes of nginx that take calls: those that end call themselves
// "nginx: worker process is shutting down".
func (f *front) workers() map[int]bool {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", f.cmd.Process.Pid))
	all := map[int]bool{}
	for field := range strings.FieldsSeq(string(children)) {
		var pid int
		_, _ = fmt.Sscan(field, &pid)
		title, _ := os.ReadFile("/proc/" + field + "/cmdline")
		if bytes.HasPrefix(title, []byte("nginx: worker process")) && !bytes.Contains(title, []byte("shutting down")) {
			all[pid] = true
		}
	}
	return all
}

func (f *front) writeCertificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		f.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	f.write("cert.pem", string(chain))
	f.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})))
	f.roots = x509.NewCertPool()
	f.roots.AppendCertsFromPEM(chain)
}

// tls is what a client of nginx needs.
func (f *front) tls() *tls.Config { return &tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS12} }

// replaced replaces each old text by the new one behind it; an old one that is not there
// fails the test, since something else would be tested than is published.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the configuration has no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// freeAddr is an address on which nobody listens. Another process may take it before nginx.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitFor waits until something is so: of other processes, nothing tells.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Errorf("waited in vain for %s", what)
			return
		}
	}
}
