package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errNoNginx leaves out the peer.
var errNoNginx = errors.New("nginx is not installed")

// nginxConfig is nginx as a reverse proxy that is given what the others have: a
// worker per processor, connections kept alive on both sides, no log, no files, and
// buffers of the size that took it least processor time for a page of 100.
const nginxConfig = `daemon off;
worker_processes %[1]d;
pid %[2]s/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
	access_log off;
	server_tokens off;
	keepalive_requests 1000000000;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	proxy_buffer_size 16k;
	proxy_buffers 8 16k;
	proxy_max_temp_file_size 0;
	upstream gitlab {
		server %[3]s;
		keepalive 256;
		keepalive_requests 1000000000;
	}
	server {
		listen %[4]s;
		location / {
			proxy_pass http://gitlab;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
`

// startNginx starts nginx in front of upstream, if there is one.
func startNginx(ctx context.Context, dir, upstream string) (*peer, error) {
	program, err := findNginx()
	if err != nil {
		return nil, err
	}
	dir, err = os.MkdirTemp(dir, "nginx-")
	if err != nil {
		return nil, err
	}
	addrs, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Appendf(nil, nginxConfig, runtime.NumCPU(), dir, strings.TrimPrefix(upstream, "http://"), addrs[0])
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd := command(ctx, program, "-p", dir, "-c", config)
	cmd.Stderr = &said
	// A killed master would leave its workers behind.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{name: nginxName, addr: addrs[0], http: addrs[0], cmd: cmd}
	if err := waitListening(addrs[0]); err != nil {
		p.stop()
		return nil, fmt.Errorf("nginx: %w\n%s", err, bytes.TrimSpace(said.Bytes()))
	}
	if p.workers, err = children(cmd.Process.Pid, runtime.NumCPU()); err != nil {
		p.stop()
		return nil, fmt.Errorf("nginx: %w", err)
	}
	return p, nil
}

// findNginx looks also where Debian has it, which is not on everybody's path.
func findNginx() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errNoNginx
}

// children waits until a process has so many children, and returns them.
func children(pid, n int) ([]int, error) {
	deadline := time.Now().Add(startTimeout)
	for {
		list, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
		if err != nil {
			return nil, err
		}
		var found []int
		for field := range strings.FieldsSeq(string(list)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			found = append(found, child)
		}
		if len(found) >= n {
			return found, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%d of %d processes after %v", len(found), n, startTimeout)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
