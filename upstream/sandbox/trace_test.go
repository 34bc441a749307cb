package sandbox_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestTrace(t *testing.T) {
	sb, _ := newBox()
	w := send(sb, "GET", jobURL(sandbox.JobSuccess, "trace"), maintainer)
	wantStatus(t, w, 200)
	wantHeader(t, w, "Content-Type", "text/plain")
	wantHeader(t, w, "Content-Disposition", `infile; filename="101.log"`)
	log := w.Body.String()
	for name, part := range map[string]string{
		"10 colours": "\x1b[32;1m", "10 sections": "section_start:", "10 carriage returns": "\rbuild",
		"10 beyond ASCII": "測試", "10 its end": "Job succeeded",
	} {
		if !strings.Contains(log, part) {
			t.Errorf("%s: no %q in the log", name, part)
		}
	}
	if !utf8.ValidString(log) {
		t.Error("10 the runner writes UTF-8")
	}
	for name, id := range map[string]int64{
		"10 not started": sandbox.JobManual, "10 erased": sandbox.JobErased, "10 silent": sandbox.JobSilent,
	} {
		t.Run(name+" is 200, empty", func(t *testing.T) {
			w := send(sb, "GET", jobURL(id, "trace"), maintainer)
			wantStatus(t, w, 200)
			wantBody(t, w, "")
			wantHeader(t, w, "Content-Disposition", fmt.Sprintf(`infile; filename="%d.log"`, id))
		})
	}
	t.Run("10 a bridge is 404", func(t *testing.T) {
		wantStatus(t, send(sb, "GET", jobURL(sandbox.JobBridge, "trace"), maintainer), 404)
	})
	t.Run("8.2 the trace artifact has the log's size", func(t *testing.T) {
		body := send(sb, "GET", jobURL(sandbox.JobSuccess), maintainer).Body.String()
		want := fmt.Sprintf(`{"file_type":"trace","size":%d,"filename":"job.log","file_format":null}`, len(log))
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	})
}

func TestSlices(t *testing.T) {
	sb, _ := newBox()
	sb.SetTrace(sandbox.JobRunning, []byte("0123456789 größe"))
	for name, tc := range map[string]struct{ query, want string }{
		"10 whole":                  {"", "0123456789 größe"},
		"10 offset alone":           {"?byte_offset=11", "größe"},
		"10 limit alone":            {"?byte_limit=3", "012"},
		"10 both":                   {"?byte_offset=4&byte_limit=3", "456"},
		"10 offset 0":               {"?byte_offset=0&byte_limit=1", "0"},
		"10 offset beyond the end":  {"?byte_offset=99", ""},
		"10 limit beyond the end":   {"?byte_offset=9&byte_limit=512000", "9 größe"},
		"10 may cut a character":    {"?byte_offset=11&byte_limit=3", "gr\xc3"},
		"10 blank is as good as no": {"?byte_offset=&byte_limit=", "0123456789 größe"},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(sb, "GET", jobURL(sandbox.JobRunning, "trace")+tc.query, maintainer, header("Range", "bytes=1-2"))
			wantStatus(t, w, 200)
			wantBody(t, w, tc.want)
			wantNoHeader(t, w, "Content-Range", "Accept-Ranges")
		})
	}
}

// A running job's log only grows; polling by offset gives the same bytes as reading it whole.
func TestLogGrowsWithTheJob(t *testing.T) {
	sb, clk := newBox()
	target := jobURL(sandbox.JobLive, "trace")
	var held []byte
	sizes := map[int]bool{}
	for range 80 {
		w := send(sb, "GET", fmt.Sprintf("%s?byte_offset=%d", target, len(held)), maintainer)
		held = append(held, w.Body.Bytes()...)
		sizes[len(held)] = true
		clk.advance(time.Second)
	}
	whole := send(sb, "GET", target, maintainer).Body.Bytes()
	if !bytes.Equal(held, whole) || !bytes.Contains(whole, []byte("Job succeeded")) {
		t.Errorf("10 polled %d bytes, whole %d", len(held), len(whole))
	}
	if len(sizes) < 50 {
		t.Errorf("10 the log had only %d sizes", len(sizes))
	}
}

// A log that grows by itself can be rewritten, cut and erased on the way.
func TestChangesOfAGrowingLog(t *testing.T) {
	sb, clk := newBox()
	read := func() string {
		clk.advance(15 * time.Second)
		return send(sb, "GET", jobURL(sandbox.JobLive, "trace"), maintainer).Body.String()
	}
	before := read()
	sb.Fail(sandbox.Match{Route: sandbox.RouteTrace}, sandbox.Fault{Kind: sandbox.RewrittenLog})
	rewritten := read()
	if before == "" || strings.HasPrefix(rewritten, before) || len(rewritten) < len(before) {
		t.Errorf("rewritten: %q", rewritten)
	}
	if later := read(); !strings.HasPrefix(later, rewritten) || len(later) == len(rewritten) {
		t.Errorf("a rewritten log does not go on: %q", later)
	}
	sb.ClearFaults()
	sb.TruncateTrace(sandbox.JobLive, 10)
	if got := read(); got != before[:10] {
		t.Errorf("cut: %q", got)
	}
	sb.Erase(sandbox.JobLive)
	if got := read(); got != "" {
		t.Errorf("erased: %q", got)
	}
}

func TestControlOfTraces(t *testing.T) {
	sb, _ := newBox()
	read := func() string {
		return send(sb, "GET", jobURL(sandbox.JobRunning, "trace"), maintainer).Body.String()
	}
	before := read()
	sb.GrowTrace(sandbox.JobRunning, []byte("more\n"))
	if got := read(); got != before+"more\n" {
		t.Errorf("GrowTrace: %q", got[len(before):])
	}
	sb.SetTrace(sandbox.JobRunning, []byte("a\n"))
	sb.GrowTrace(sandbox.JobRunning, []byte("b\n"))
	if got := read(); got != "a\nb\n" {
		t.Errorf("SetTrace and GrowTrace: %q", got)
	}
	sb.TruncateTrace(sandbox.JobRunning, 3)
	sb.GrowTrace(sandbox.JobRunning, []byte("c"))
	if got := read(); got != "a\nbc" {
		t.Errorf("TruncateTrace: %q", got)
	}
	sb.TruncateTrace(sandbox.JobRunning, 100)
	sb.TruncateTrace(sandbox.JobLive, -1)
	if got := read(); got != "a\nbc" {
		t.Errorf("TruncateTrace beyond the end: %q", got)
	}
	sb.Erase(sandbox.JobRunning)
	if got := read(); got != "" {
		t.Errorf("Erase: %q", got)
	}
	if sb.SetTrace(1, nil) || sb.GrowTrace(1, nil) || sb.SetStatus(1, "failed") || sb.TruncateTrace(1, 0) || sb.Erase(1) {
		t.Error("a job that does not exist was changed")
	}
}
