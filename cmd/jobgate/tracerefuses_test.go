package main

import (
	"strings"
	"testing"
)

func TestTraceRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"no job":                       {[]string{"a/b"}, `expected "<job>"`},
		"a job that is no number":      {[]string{"a/b", "build"}, "<job>"},
		"two starts":                   {[]string{"a/b", "7", "--tail", "1", "--cursor", "c"}, "--tail and --cursor can't be used together"},
		"no project":                   {[]string{"", "7"}, "jobgate: <project>: must not be empty"},
		"job 0":                        {[]string{"a/b", "0"}, "jobgate: <job>: must be more than 0"},
		"no line":                      {[]string{"a/b", "7", "--tail", "0"}, "jobgate: --tail: must be more than 0"},
		"before the log":               {[]string{"a/b", "7", "--offset=-1"}, "jobgate: --offset: must not be negative"},
		"a cursor that is none":        {[]string{"a/b", "7", "--cursor", "abc"}, "jobgate: --cursor: is none;"},
		"less than no time":            {[]string{"a/b", "7", "--timeout=-1s"}, "jobgate: --timeout: must not be negative"},
		"an address without a port":    {[]string{"a/b", "7", "--addr", "127.0.0.1"}, "jobgate: --addr: must be HOST:PORT"},
		"half a line":                  {[]string{"a/b", "7", "--tail", "0.5"}, "--tail"},
		"a result without waiting":     {[]string{"a/b", "7", "--exit-status"}, "--exit-status: needs --follow"},
		"a -H without a colon":         {[]string{"a/b", "7", "-H", canary}, "-H number 1"},
		"plaintext to another machine": {[]string{"a/b", "7", "--addr", "192.0.2.1:9090", "--token", canary}, "give --tls"},
		"trust without TLS":            {[]string{"a/b", "7", "--ca-file", "x"}, "need --tls"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := jobgate(t, nil, "", append([]string{"trace"}, tt.args...)...)
			if got.code != exitUsage || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("exit code %d, stderr %s, want %q", got.code, got.stderr, tt.want)
			}
		})
	}
}
