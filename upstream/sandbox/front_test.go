package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// TestRangeFront: one range of bytes of a log, as RFC 9110 section 14 has it.
func TestRangeFront(t *testing.T) {
	const log = "0123456789"
	for name, row := range map[string]struct {
		asked, query string
		status       int
		told, want   string
	}{
		"one":                      {"bytes=2-4", "", 206, "bytes 2-4/10", "234"},
		"a byte":                   {"bytes=9-9", "", 206, "bytes 9-9/10", "9"},
		"to the end":               {"bytes=7-", "", 206, "bytes 7-9/10", "789"},
		"beyond the end":           {"bytes=7-99", "", 206, "bytes 7-9/10", "789"},
		"all":                      {"bytes=0-", "", 206, "bytes 0-9/10", log},
		"the last":                 {"bytes=-3", "", 206, "bytes 7-9/10", "789"},
		"more than all":            {"bytes=-30", "", 206, "bytes 0-9/10", log},
		"after the end":            {"bytes=10-", "", 416, "bytes */10", ""},
		"far after the end":        {"bytes=1000-1001", "", 416, "bytes */10", ""},
		"the last none":            {"bytes=-0", "", 416, "bytes */10", ""},
		"upper case":               {"BYTES=2-4", "", 206, "bytes 2-4/10", "234"},
		"several":                  {"bytes=0-1,3-4", "", 200, "", log},
		"backwards":                {"bytes=4-2", "", 200, "", log},
		"another unit":             {"lines=1-2", "", 200, "", log},
		"nothing":                  {"bytes=-", "", 200, "", log},
		"no number":                {"bytes=a-b", "", 200, "", log},
		"none":                     {"", "", 200, "", log},
		"words alone":              {"", "?byte_offset=4&byte_limit=2", 200, "", "45"},
		"a part of the part":       {"bytes=1-", "?byte_offset=4&byte_limit=3", 206, "bytes 1-2/3", "56"},
		"a part of what is not so": {"bytes=9-", "?byte_offset=4", 416, "bytes */6", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sb, _ := newBox(sandbox.WithRangeFront())
			sb.SetTrace(sandbox.JobRunning, []byte(log))
			w := send(sb, "GET", jobURL(sandbox.JobRunning, "trace")+row.query, maintainer, header("Range", row.asked))
			wantStatus(t, w, row.status)
			wantHeader(t, w, "Content-Range", row.told)
			wantHeader(t, w, "Accept-Ranges", "bytes")
			if row.status == 416 {
				wantHeader(t, w, "Content-Type", "text/html")
				wantNoHeader(t, w, "ETag")
				return
			}
			wantBody(t, w, row.want)
			wantHeader(t, w, "Content-Type", "text/plain")
		})
	}
}

func TestRangeFrontLeavesAlone(t *testing.T) {
	sb, _ := newBox(old, sandbox.WithRangeFront())
	target := jobURL(sandbox.JobSuccess, "trace")
	whole := send(sb, "GET", target, maintainer)
	part := header("Range", "bytes=1-2")
	etag := whole.Header().Get("ETag")
	for name, row := range map[string]struct {
		method, target string
		changes        []change
		status         int
	}{
		"a HEAD":            {"HEAD", target, by(maintainer, part), 200},
		"another route":     {"GET", jobURL(sandbox.JobSuccess), by(maintainer, part), 200},
		"a refusal":         {"GET", target, by(part), 401},
		"If-Range":          {"GET", target, by(maintainer, part, header("If-Range", etag)), 200},
		"several Ranges":    {"GET", target, by(maintainer, part, add("Range", "bytes=3-4")), 200},
		"what is not newer": {"GET", target, by(maintainer, part, header("If-None-Match", etag)), 304},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(sb, row.method, row.target, row.changes...)
			wantStatus(t, w, row.status)
			wantNoHeader(t, w, "Content-Range")
		})
	}
	t.Run("the ETag is that of the whole log", func(t *testing.T) {
		wantHeader(t, send(sb, "GET", target, maintainer, part), "ETag", etag)
	})
	t.Run("an empty log", func(t *testing.T) {
		w := send(sb, "GET", jobURL(sandbox.JobSilent, "trace"), maintainer, header("Range", "bytes=0-"))
		wantStatus(t, w, http.StatusRequestedRangeNotSatisfiable)
		wantHeader(t, w, "Content-Range", "bytes */0")
	})
	t.Run("as a fault, GitLab ignores its own words", func(t *testing.T) {
		sb, _ := newBox()
		sb.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.RangeFront})
		sb.SetTrace(sandbox.JobRunning, []byte("0123456789"))
		w := send(sb, "GET", jobURL(sandbox.JobRunning, "trace")+"?byte_offset=5&byte_limit=1", maintainer, part)
		wantStatus(t, w, 206)
		wantBody(t, w, "12")
	})
}

// TestLostChunk: a hole in the log, from which on only reads by offset beyond it go on.
func TestLostChunk(t *testing.T) {
	for name, row := range map[string]struct{ query, want string }{
		"whole":                {"", "0123"},
		"before":               {"?byte_offset=1", "123"},
		"before, with a limit": {"?byte_offset=1&byte_limit=2", "12"},
		"across it":            {"?byte_offset=1&byte_limit=9", "123"},
		"at its begin":         {"?byte_offset=4", ""},
		"within":               {"?byte_offset=6&byte_limit=9", ""},
		"its last byte":        {"?byte_offset=6", ""},
		"behind":               {"?byte_offset=7", "789"},
		"behind, with a limit": {"?byte_offset=8&byte_limit=1", "8"},
		"at the end":           {"?byte_offset=10", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sb, _ := newBox()
			sb.SetTrace(sandbox.JobRunning, []byte("0123456789"))
			sb.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.LostChunk, After: 4, Size: 3})
			w := send(sb, "GET", jobURL(sandbox.JobRunning, "trace")+row.query, maintainer)
			wantStatus(t, w, 200)
			wantBody(t, w, row.want)
		})
	}
	t.Run("by default a chunk at the begin", func(t *testing.T) {
		sb, _ := newBox()
		sb.SetTrace(sandbox.JobRunning, make([]byte, 128<<10+5))
		sb.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.LostChunk})
		wantBody(t, send(sb, "GET", jobURL(sandbox.JobRunning, "trace"), maintainer), "")
		w := send(sb, "GET", jobURL(sandbox.JobRunning, "trace")+"?byte_offset=131072", maintainer)
		wantBody(t, w, string(make([]byte, 5)))
	})
	t.Run("an old GitLab has nothing behind it", func(t *testing.T) {
		sb, _ := newBox(old)
		sb.SetTrace(sandbox.JobRunning, []byte("0123456789"))
		sb.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.LostChunk, After: 4, Size: 3})
		wantBody(t, send(sb, "GET", jobURL(sandbox.JobRunning, "trace")+"?byte_offset=7", maintainer), "0123")
	})
}
