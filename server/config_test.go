package server

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	certified := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: make([]tls.Certificate, 1)}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the last test
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), "jobgate-*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	tests := map[string]struct {
		config Config
		want   []string // how each line of the error begins
	}{
		"plaintext is fine":        {Config{Version: "v1", ShutdownTimeout: time.Second}, nil},
		"no time to drain is fine": {Config{Version: "v1"}, nil},
		"certificates are fine":    {Config{Version: "v1", GRPCTLS: certified, HTTPTLS: certified}, nil},
		"the least is fine": {Config{
			Version: "v1", Recheck: time.Second, Heartbeat: time.Second, MaxConnectionAge: 10 * time.Millisecond, DefaultDeadline: 5 * time.Minute,
			MaxRequest: 1 << 10, MaxHeader: 4 << 10, SpoolDisk: 256 << 10, SpoolDir: filepath.Dir(file), PublicURL: "https://[::1]:443",
		}, nil},
		"a directory that is not used is fine": {Config{Version: "v1", SpoolDir: file}, nil},
		"TLS 1.0": {
			Config{Version: "v1", HTTPTLS: &tls.Config{Certificates: certified.Certificates}},
			[]string{"http-cert: TLS older than 1.2"},
		},
		"each setting in a line of its own": {
			Config{ShutdownTimeout: -1, MaxStreams: -1, MaxCalls: -1, RequestIDWindow: -1, DefaultDeadline: -1, MaxDeadline: -1, SpoolMemory: -1, GRPCTLS: &tls.Config{MinVersion: tls.VersionTLS13}},
			[]string{
				"shutdown-timeout: must not be negative", "version: must not be empty", "max-streams: must not be negative", "max-calls: must not be negative",
				"request-id-window: must not be negative", "default-deadline: must not be negative", "max-deadline: must not be negative",
				"spool-memory: must not be negative", "grpc-cert: TLS without a certificate",
			},
		},
		"too little": {
			Config{Version: "v1", MaxRequest: 1, MaxHeader: 4095, Recheck: time.Millisecond, Heartbeat: time.Second - 1, MaxConnectionAge: 1, SpoolDisk: 5},
			[]string{
				"max-request: must be from 1024 to", "max-header: must be from 4096 to", "recheck-interval: must be 0s, or at least 1s",
				"heartbeat-interval: must be at least 1s", "max-connection-age: must be 0s, or at least 10ms", "spool-disk: must be 0, or at least 262144 bytes",
			},
		},
		"below 0":                           {Config{Version: "v1", Recheck: -1, Heartbeat: -1, MaxConnectionAge: -1, SpoolDisk: -1}, []string{"recheck-", "heartbeat-", "max-connection-age:", "spool-disk:"}},
		"too much":                          {Config{Version: "v1", MaxRequest: 1<<30 + 1, MaxHeader: 16<<20 + 1}, []string{"max-request:", "max-header:"}},
		"a deadline beyond the longest":     {Config{Version: "v1", DefaultDeadline: 2 * time.Second, MaxDeadline: time.Second}, []string{"default-deadline: must be at most 1s, the max-deadline"}},
		"a deadline beyond the default one": {Config{Version: "v1", DefaultDeadline: time.Hour}, []string{"default-deadline: must be at most 5m0s, the max-deadline"}},
		"no directory":                      {Config{Version: "v1", SpoolDisk: 1 << 20, SpoolDir: file + ".none"}, []string{"spool-dir: no file can be made in " + file + ".none: no such file"}},
		"a file for a directory":            {Config{Version: "v1", SpoolDisk: 1 << 20, SpoolDir: file}, []string{"spool-dir: no file can be made in " + file + ": not a directory"}},
		"a URL with a path":                 {Config{Version: "v1", PublicURL: "https://h/path"}, []string{"public-url: must be"}},
		"a URL without a host":              {Config{Version: "v1", PublicURL: "https://:443"}, []string{"public-url: must be"}},
		"a URL with a port that is none":    {Config{Version: "v1", PublicURL: "https://h:99999"}, []string{"public-url: must be"}},
		"a word for a URL":                  {Config{Version: "v1", PublicURL: "abc"}, []string{"public-url: must be"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			if err := tt.config.Validate(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(tt.want) {
				t.Fatalf("Validate() = %q, want %d errors", got, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("error %d is %q, want it to begin with %q", i, got[i], want)
				}
			}
		})
	}
}

// Whoever has names of his own for settings finds the key of each.
func TestConfigErrorsHaveKeys(t *testing.T) {
	t.Parallel()
	err := Config{Version: "v1", MaxCalls: -1, DefaultDeadline: 2, MaxDeadline: 1}.Validate()
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is one error", err)
	}
	want := []ConfigError{{"max-calls", "must not be negative", ""}, {"default-deadline", "must be at most 1ns", "max-deadline"}}
	for i, one := range many.Unwrap() {
		got, ok := errors.AsType[*ConfigError](one)
		if !ok || *got != want[i] {
			t.Errorf("error %d is %#v, want %#v", i, one, want[i])
		}
	}
}
