package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// logOf is a log of n bytes, each place of which can be told.
func logOf(n int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%07d\n", i)
	}
	return []byte(b.String()[:n])
}

const runningLog = "/projects/1/jobs/103/trace"

// Parts of a log, from a GitLab that sends parts and from one that does not.
func TestPartsOfALogOverREST(t *testing.T) {
	const size = 700_000
	log := string(logOf(size))
	cases := map[string]struct {
		query, rng string
		status     int
		from, to   int
		total      string // of Content-Range, "" for none
	}{
		"whole":                {"", "", 200, 0, size, ""},
		"offset":               {"?byte_offset=500000", "", 200, 500_000, size, ""},
		"offset 0":             {"?byte_offset=0", "", 200, 0, size, ""},
		"limit":                {"?byte_limit=1000", "", 200, 0, 1000, ""},
		"both":                 {"?byte_offset=600000&byte_limit=512000", "", 200, 600_000, size, ""},
		"one byte":             {"?byte_offset=699999&byte_limit=1", "", 200, size - 1, size, ""},
		"beyond":               {"?byte_offset=700000&byte_limit=10", "", 200, size, size, ""},
		"parameters beat it":   {"?byte_limit=5", "bytes=10-20", 200, 0, 5, ""},
		"range":                {"", "bytes=100-199", 206, 100, 200, "*"},
		"first byte":           {"", "bytes=0-0", 206, 0, 1, "*"},
		"range of all":         {"", "bytes=0-", 206, 0, size, "700000"},
		"range to the end":     {"", "bytes=699000-", 206, 699_000, size, "700000"},
		"range over the end":   {"", "bytes=699000-800000", 206, 699_000, size, "700000"},
		"range in one slice":   {"", "bytes=1000-512999", 206, 1000, 513_000, "*"},
		"range over two":       {"", "bytes=1000-600999", 206, 1000, 601_000, "*"},
		"tail":                 {"", "bytes=-100", 206, size - 100, size, "700000"},
		"tail of more":         {"", "bytes=-999999", 206, 0, size, "700000"},
		"several":              {"", "bytes=0-1,5-6", 200, 0, size, ""},
		"not a range":          {"", "bytes=9-5", 200, 0, size, ""},
		"not satisfiable":      {"", "bytes=700000-", 416, 0, 0, "700000"},
		"not satisfiable, far": {"", "bytes=900000-900001", 416, 0, 0, "700000"},
	}
	for _, version := range []string{"current", "15.6"} {
		gw, box := newSandbox(t, sandbox.WithVersion(version))
		if !box.SetTrace(sandbox.JobRunning, []byte(log)) {
			t.Fatal("no such job")
		}
		for name, c := range cases {
			t.Run(version+"/"+name, func(t *testing.T) {
				header := []string{"Private-Token", sandbox.TokenMaintainer}
				if c.rng != "" {
					header = append(header, "Range", c.rng)
				}
				got := ask(t, gw.url, "GET", runningLog+c.query, header...)
				if got.status != c.status {
					t.Fatalf("status %d %.100q", got.status, got.body)
				}
				if c.status == 416 {
					if rng := got.header.Get("Content-Range"); rng != "bytes */"+c.total {
						t.Errorf("Content-Range %q", rng)
					}
					return
				}
				if c.from < c.to && (got.header.Get("ETag") == "") != (c.status == 206) {
					t.Errorf("ETag %q of the whole, or of GitLab's part", got.header.Get("ETag"))
				}
				if got.body != log[c.from:c.to] {
					t.Errorf("%d bytes, from %.9q", len(got.body), got.body)
				}
				want := ""
				if c.total != "" {
					want = fmt.Sprintf("bytes %d-%d/%s", c.from, c.to-1, c.total)
				}
				if rng := got.header.Get("Content-Range"); rng != want && (version == "current" || !strings.HasSuffix(rng, "/700000")) {
					t.Errorf("Content-Range %q, want %q", rng, want)
				}
				if got.header.Get("Content-Type") != "text/plain" || got.header.Get("Content-Length") != itoa(int64(c.to-c.from)) ||
					got.header.Get("Content-Disposition") != `infile; filename="103.log"` {
					t.Errorf("header %v", got.header)
				}
			})
		}
	}
}

// What is no part for GitLab is refused by GitLab, and an empty log has no part.
func TestOddPartsOfALogOverREST(t *testing.T) {
	gw, box := newSandbox(t)
	me := []string{"Private-Token", sandbox.TokenMaintainer}
	for _, query := range []string{"?byte_offset=-1", "?byte_limit=0", "?byte_limit=512001", "?byte_limit=x"} {
		if got := ask(t, gw.url, "GET", runningLog+query, me...); got.status != 400 || !strings.Contains(got.body, `{"error":"byte_`) {
			t.Errorf("%s: %d %.100q", query, got.status, got.body)
		}
	}
	if !box.SetTrace(sandbox.JobRunning, nil) {
		t.Fatal("no such job")
	}
	for _, rng := range []string{"bytes=0-", "bytes=-5", "bytes=0-9"} {
		if got := ask(t, gw.url, "GET", runningLog, append(me, "Range", rng)...); got.status != 200 || got.body != "" {
			t.Errorf("%s of an empty log: %d %.100q", rng, got.status, got.body)
		}
	}
}

// A part of unknown length is answered as a part if it is small enough to be held, else
// the whole log is.
func TestPartsOfUnknownLength(t *testing.T) {
	log := logOf(3 << 20)
	gw := newGateway(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", asText)
		_, _ = w.Write(log[:1<<20])
		_ = http.NewResponseController(w).Flush() // the length is not told
		_, _ = w.Write(log[1<<20:])
	}))
	for rng, want := range map[string]struct {
		status, from, to int
	}{
		"bytes=10-19":    {206, 10, 20},
		"bytes=3145000-": {206, 3_145_000, 3 << 20},
		"bytes=10-":      {200, 0, 3 << 20},
	} {
		got := ask(t, gw.url, "GET", runningLog, "Range", rng)
		if got.status != want.status || got.body != string(log[want.from:want.to]) {
			t.Errorf("%s: %d, %d bytes", rng, got.status, len(got.body))
		}
	}
}

// A log that breaks off breaks the connection, after the bytes that came; before the
// first byte it is an error like any other.
func TestLateFailureOfALogOverREST(t *testing.T) {
	for name, sent := range map[string]int{"late": 600 << 10, "late, length unknown": 600 << 10, "early": 0} {
		t.Run(name, func(t *testing.T) {
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", asText)
				if name != "late, length unknown" {
					w.Header().Set("Content-Length", "1000000")
				}
				_, _ = w.Write(logOf(sent))
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}))
			defer front.Close()
			gw := newGatewayAt(t, front.URL)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, gw.url+"/api/v4"+runningLog, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if name == "early" {
				if resp.StatusCode != http.StatusBadGateway || err != nil {
					t.Errorf("%d %s, %v", resp.StatusCode, body, err)
				}
				return
			}
			if err == nil || len(body) == 0 || !bytes.HasPrefix(logOf(sent), body) {
				t.Errorf("%d bytes, %v", len(body), err)
			}
		})
	}
}
