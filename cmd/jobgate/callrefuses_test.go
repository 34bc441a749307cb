package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// A signal ends what call waits for, with the code that shells have for it.
func TestCallInterrupted(t *testing.T) {
	t.Parallel()
	gateway := &traceGateway{fakeGateway: fakeGateway{events: succeeded()[:1]}, hangs: true}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"reading the request": {[]string{"GetJob", "-"}, ""},
		"waiting for more":    {[]string{"ReadTrace", "--addr", gateway.serve(t)}, "a\x1b\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			end := make(chan struct{})
			defer close(end)
			stdin := readerFunc(func([]byte) (int, error) {
				cancel()
				<-end
				return 0, io.EOF
			})
			var stdout, stderr bytes.Buffer
			seen := writerFunc(func(p []byte) (int, error) {
				cancel()
				return stdout.Write(p)
			})
			code := run(ctx, append([]string{"jobgate", "call"}, tt.args...), nil, stdin, seen, &stderr)
			if got := (outcome{code, stdout.String(), stderr.String()}); got != (outcome{exitInterrupted, tt.want, ""}) {
				t.Errorf("got %#v", got)
			}
		})
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Without a method the methods are listed, as --help says.
func TestCallListsMethods(t *testing.T) {
	t.Parallel()
	got := jobgate(t, nil, "", "call")
	if want := (outcome{stdout: strings.Join(methodNames(), "\n") + "\n"}); got != want {
		t.Errorf("got %#v", got)
	}
}

func TestCallRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"an unknown method":            {[]string{"GetJobs"}, "unknown method; methods:"},
		"a method of another package":  {[]string{"grpc.health.v1.Health/Check"}, "unknown method"},
		"no JSON":                      {[]string{"GetJob", canary}, "not a JSON object"},
		"an unknown field":             {[]string{"GetJob", `{"job":7}`}, `unknown field "job"`},
		"a -H without a colon":         {[]string{"GetJob", "-H", canary}, "-H number 1"},
		"a -H of gRPC's own":           {[]string{"GetJob", "-H", "sudo: 1", "-H", "grpc-timeout: 1S"}, "-H number 2"},
		"a -H that has no name":        {[]string{"GetJob", "-H", ":" + canary}, "-H number 1: a name consists of"},
		"a -H with a blank in it":      {[]string{"GetJob", "-H", "bad name: " + canary}, "-H number 1: a name consists of"},
		"a -H with a line break":       {[]string{"GetJob", "-H", "job-token: " + canary + "\n" + canary}, "-H number 1: the value has a line break"},
		"a token with a line break":    {[]string{"GetJob", "--token", canary + "\n" + canary}, "jobgate: --token: has a line break"},
		"a token that is not ASCII":    {[]string{"GetJob", "--token", canary + "ü"}, "jobgate: --token: has a line break, or another character"},
		"an address without a port":    {[]string{"GetJob", "--addr", "127.0.0.1"}, "jobgate: --addr: must be HOST:PORT"},
		"a scheme of gRPC's":           {[]string{"GetJob", "--addr", "dns:///127.0.0.1:9090"}, "jobgate: --addr: must be HOST:PORT"},
		"a port that is none":          {[]string{"GetJob", "--addr", "127.0.0.1:70000"}, "jobgate: --addr: must be HOST:PORT"},
		"less than no time":            {[]string{"GetJob", "--timeout=-1s"}, "jobgate: --timeout: must not be negative"},
		"a token after a misspelt one": {[]string{"GetJob", "--tokn=" + canary}, "unknown flag --tokn"},
		"plaintext to another machine": {[]string{"GetJob", "--addr", "192.0.2.1:9090", "--token", canary}, "give --tls"},
		"trust without TLS":            {[]string{"GetJob", "--ca-file", "x"}, "need --tls"},
		"a CA file that is not there":  {[]string{"GetJob", "--tls", "--ca-file", "none.pem"}, "--ca-file: open none.pem"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := jobgate(t, nil, "", append([]string{"call"}, tt.args...)...)
			if got.code != exitUsage || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("exit code %d, stderr %s, want %q", got.code, got.stderr, tt.want)
			}
		})
	}
}
