package server

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	certified := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: make([]tls.Certificate, 1)}
	tests := map[string]struct {
		config Config
		want   []string // how each line of the error begins
	}{
		"plaintext is fine":         {Config{Version: "v1", ShutdownTimeout: time.Second}, nil},
		"no time to drain is fine":  {Config{Version: "v1"}, nil},
		"certificates are fine":     {Config{Version: "v1", GRPCTLS: certified, HTTPTLS: certified}, nil},
		"negative shutdown timeout": {Config{Version: "v1", ShutdownTimeout: -1}, []string{"shutdown-timeout: -1ns"}},
		"TLS 1.0": {
			Config{Version: "v1", HTTPTLS: &tls.Config{Certificates: certified.Certificates}},
			[]string{"http-cert: TLS older than 1.2"},
		},
		"everything is told at once": {
			Config{ShutdownTimeout: -time.Second, GRPCTLS: &tls.Config{MinVersion: tls.VersionTLS13}},
			[]string{"shutdown-timeout:", "version:", "grpc-cert: TLS without a certificate"},
		},
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
