package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// What a library has to say is kept, and what it quotes is not.
func TestStandardLogIsQuoteless(t *testing.T) {
	var out bytes.Buffer
	q := quoteless{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	line := "Unsolicited response received on idle HTTP channel starting with \"glpat-canary\"; err=<nil>\n"
	if n, err := q.Write([]byte(line)); n != len(line) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if s := out.String(); !strings.Contains(s, "Unsolicited response") || strings.Contains(s, "canary") {
		t.Errorf("logged %s", s)
	}
}
