package server

import (
	"bytes"
	"fmt"
	"hash/crc64"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// readLog reads a log, checks that its chunks join up, and returns bytes and end.
func readLog(t *testing.T, gw *gateway, req *jobgatev1.ReadTraceRequest) ([]byte, []*jobgatev1.ReadTraceResponse) {
	t.Helper()
	req.Project = sandbox.ProjectWidgets
	if req.GetJobId() == 0 {
		req.JobId = sandbox.JobSuccess
	}
	stream, err := gw.traces.ReadTrace(as(t, sandbox.TokenDeveloper), req)
	all, err := events(t, stream, err)
	if err != nil {
		t.Fatal(err)
	}
	var log []byte
	next := int64(-1)
	for i, e := range all {
		if len(e.GetCursor()) > 64 || e.GetCursor() == "" {
			t.Errorf("cursor %q", e.GetCursor())
		}
		if c := e.GetChunk(); c != nil {
			if next >= 0 && c.GetOffset() != next {
				t.Fatalf("a chunk at %d after %d", c.GetOffset(), next)
			}
			if len(c.GetData()) > maxChunk || len(c.GetData()) == 0 {
				t.Errorf("a chunk of %d bytes", len(c.GetData()))
			}
			next = c.GetOffset() + int64(len(c.GetData()))
			log = append(log, c.GetData()...)
		}
		if (e.GetEnd() != nil) != (i == len(all)-1) {
			t.Errorf("event %d of %d is %v", i, len(all), e.GetEvent())
		}
	}
	return log, all
}

func last(all []*jobgatev1.ReadTraceResponse) *jobgatev1.TraceEnd { return all[len(all)-1].GetEnd() }

// lines is a log of numbered lines, a little more than that many bytes.
func lines(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%08d \x1b[32mé漢\xff\x1b[0m\r\n", i)
	}
	return b.Bytes()
}

// crc64NVME is an independent CRC-64/NVME: reflected, all ones in and out.
func crc64NVME(b []byte) uint64 { return crc64.Checksum(b, crc64.MakeTable(0x9a6c9329ac4bc9b5)) }

func TestReadTraceWhole(t *testing.T) {
	if crc := crc64NVME([]byte("123456789")); crc != 0xae8b14860a799888 {
		t.Fatalf("the check value is %x", crc)
	}
	for name, size := range map[string]int{"empty": 0, "one byte": 1, "a chunk": maxChunk, "a chunk and a byte": maxChunk + 1, "3 MB": 3_000_001} {
		t.Run(name, func(t *testing.T) {
			gw, box := newSandbox(t)
			want := lines(size)[:size]
			box.SetTrace(sandbox.JobSuccess, want)
			got, all := readLog(t, gw, &jobgatev1.ReadTraceRequest{})
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, want %d", len(got), size)
			}
			end := last(all)
			if end.GetReason() != jobgatev1.TraceEndReason_TRACE_END_REASON_COMPLETE || end.GetJobStatusWord() != "success" ||
				end.GetJobStatus() != jobgatev1.JobStatus_JOB_STATUS_SUCCESS || end.GetSize() != int64(size) || end.GetCrc64() != crc64NVME(want) {
				t.Errorf("end %v", end)
			}
		})
	}
}

func TestReadTraceOfARunningJobIsCurrent(t *testing.T) {
	gw, box := newSandbox(t)
	box.SetTrace(sandbox.JobRunning, []byte("so far"))
	_, all := readLog(t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning})
	if r := last(all).GetReason(); r != jobgatev1.TraceEndReason_TRACE_END_REASON_CURRENT {
		t.Errorf("reason %v", r)
	}
}

// Parts of a log are right with and without slices upstream.
func TestReadTraceParts(t *testing.T) {
	log := lines(1_500_000)
	size := int64(len(log))
	offset := func(n int64) *jobgatev1.ReadTraceRequest_Offset { return &jobgatev1.ReadTraceRequest_Offset{Offset: n} }
	type partCase struct {
		req      *jobgatev1.ReadTraceRequest
		from, to int64
	}
	cases := map[string]func() partCase{
		"offset":                     func() partCase { return partCase{&jobgatev1.ReadTraceRequest{Start: offset(1234)}, 1234, size} },
		"last byte":                  func() partCase { return partCase{&jobgatev1.ReadTraceRequest{Start: offset(size - 1)}, size - 1, size} },
		"at the end":                 func() partCase { return partCase{&jobgatev1.ReadTraceRequest{Start: offset(size)}, size, size} },
		"beyond the end":             func() partCase { return partCase{&jobgatev1.ReadTraceRequest{Start: offset(size + 99)}, size, size} },
		"limit":                      func() partCase { return partCase{&jobgatev1.ReadTraceRequest{Limit: 1000}, 0, 1000} },
		"limit of more than a slice": func() partCase { return partCase{&jobgatev1.ReadTraceRequest{Limit: 700_000}, 0, 700_000} },
		"limit beyond the end":       func() partCase { return partCase{&jobgatev1.ReadTraceRequest{Limit: size * 2}, 0, size} },
		"offset and limit": func() partCase {
			return partCase{&jobgatev1.ReadTraceRequest{Start: offset(600_000), Limit: 10}, 600_000, 600_010}
		},
		"offset and large limit": func() partCase {
			return partCase{&jobgatev1.ReadTraceRequest{Start: offset(5), Limit: 600_000}, 5, 600_005}
		},
		"tail of bytes": func() partCase {
			return partCase{&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: 777}}, size - 777, size}
		},
		"tail of all bytes": func() partCase {
			return partCase{&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: size + 5}}, 0, size}
		},
		"tail of lines": func() partCase {
			return partCase{&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 3}}, lineStart(log, 3), size}
		},
		"tail of many lines": func() partCase {
			return partCase{&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 30_000}}, lineStart(log, 30_000), size}
		},
		"tail of all lines": func() partCase {
			return partCase{&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 100_000}}, 0, size}
		},
		"tail and limit": func() partCase {
			return partCase{&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: 777}, Limit: 7}, size - 777, size - 770}
		},
	}
	for _, sliced := range []bool{true, false} {
		for _, job := range []int64{sandbox.JobSuccess, sandbox.JobRunning} {
			gw, box := newSandbox(t)
			box.SetTrace(job, log)
			if !sliced {
				box.Fail(sandbox.Match{Route: sandbox.RouteTrace}, sandbox.Fault{Kind: sandbox.NoSlices})
			}
			for name, build := range cases {
				t.Run(fmt.Sprintf("%s, sliced %v, job %d", name, sliced, job), func(t *testing.T) {
					c := build()
					c.req.JobId = job
					got, all := readLog(t, gw, c.req)
					if !bytes.Equal(got, log[c.from:c.to]) {
						t.Fatalf("%d bytes, want %d from %d", len(got), c.to-c.from, c.from)
					}
					end := last(all)
					limited := c.req.GetLimit() > 0 && int64(len(got)) == c.req.GetLimit()
					if limited != (end.GetReason() == jobgatev1.TraceEndReason_TRACE_END_REASON_LIMIT) {
						t.Errorf("reason %v", end.GetReason())
					}
					if whole := c.from == 0; whole != (end.Crc64 != nil) || whole && end.GetCrc64() != crc64NVME(got) {
						t.Errorf("crc64 %v", end.Crc64)
					}
				})
			}
		}
	}
}

// lineStart is where the last n lines begin, found in a plain way.
func lineStart(log []byte, n int) int64 {
	all := bytes.SplitAfter(log, []byte("\n"))
	if len(all[len(all)-1]) == 0 {
		all = all[:len(all)-1]
	}
	start := len(log)
	for _, line := range all[max(len(all)-n, 0):] {
		start -= len(line)
	}
	return int64(start)
}

// A tail of a new GitLab costs little more than the tail.
func TestTailReadsLittle(t *testing.T) {
	var bytesRead atomic.Int64
	log := lines(20_000_000)
	gw := newGateway(t, slicingLog(log, &bytesRead))
	stream, err := gw.traces.ReadTrace(as(t, canary), &jobgatev1.ReadTraceRequest{Project: "1", JobId: 7, Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 1000}})
	if _, err := events(t, stream, err); err != nil {
		t.Fatal(err)
	}
	if n := bytesRead.Load(); n > 1<<20 {
		t.Errorf("read %d bytes of a log of %d", n, len(log))
	}
}

// slicingLog is a GitLab with one running job, whose log it sends in parts if asked.
func slicingLog(log []byte, sent *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/trace") {
			answer(200, asJSON, `{"id":7,"status":"running"}`).ServeHTTP(w, r)
			return
		}
		part := log
		if n, err := strconv.Atoi(r.URL.Query().Get("byte_offset")); err == nil {
			part = part[min(n, len(part)):]
		}
		if n, err := strconv.Atoi(r.URL.Query().Get("byte_limit")); err == nil {
			part = part[:min(n, len(part))]
		}
		w.Header().Set("Content-Type", asText)
		n, _ := w.Write(part)
		sent.Add(int64(n))
	})
}

// Every event's cursor continues the stream without a gap or repeat, and knows the
// digest of what came before.
func TestCursorsContinue(t *testing.T) {
	gw, box := newSandbox(t)
	log := lines(900_000)
	box.SetTrace(sandbox.JobSuccess, log)
	_, all := readLog(t, gw, &jobgatev1.ReadTraceRequest{})
	at := int64(0)
	for _, e := range all {
		at += int64(len(e.GetChunk().GetData()))
		got, rest := readLog(t, gw, &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: e.GetCursor()}})
		if !bytes.Equal(got, log[at:]) || last(rest).GetCrc64() != crc64NVME(log) {
			t.Errorf("from %d: %d bytes, %v", at, len(got), last(rest))
		}
	}
	limited, rest := readLog(t, gw, &jobgatev1.ReadTraceRequest{Limit: 5, Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: all[0].GetCursor()}})
	if !bytes.Equal(limited, log[maxChunk:maxChunk+5]) || last(rest).GetReason() != jobgatev1.TraceEndReason_TRACE_END_REASON_LIMIT {
		t.Errorf("%d bytes with a limit of 5", len(limited))
	}
	most, _ := readLog(t, gw, &jobgatev1.ReadTraceRequest{Limit: math.MaxInt64, Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: all[0].GetCursor()}})
	if !bytes.Equal(most, log[maxChunk:]) {
		t.Errorf("%d bytes with the largest limit", len(most))
	}
}

// A log that no longer begins as it did is told, never joined.
func TestCursorOfARewrittenLog(t *testing.T) {
	log := lines(300_000)
	changed := slices.Clone(log)
	changed[299_000] ^= 1
	cases := map[string]struct {
		now    []byte
		reason jobgatev1.TraceResetReason
		erase  bool
	}{
		"rewritten": {changed, jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN, false},
		"shorter":   {log[:1000], jobgatev1.TraceResetReason_TRACE_RESET_REASON_TRUNCATED, false},
		"gone":      {nil, jobgatev1.TraceResetReason_TRACE_RESET_REASON_ERASED, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			gw, box := newSandbox(t)
			box.SetTrace(sandbox.JobSuccess, log)
			_, all := readLog(t, gw, &jobgatev1.ReadTraceRequest{})
			if c.erase {
				if _, err := gw.jobs.EraseJob(as(t, sandbox.TokenMaintainer), &jobgatev1.EraseJobRequest{Project: "1", JobId: sandbox.JobSuccess}); err != nil {
					t.Fatal(err)
				}
			} else {
				box.SetTrace(sandbox.JobSuccess, c.now)
			}
			got, again := readLog(t, gw, &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: all[len(all)-1].GetCursor()}})
			if r := again[0].GetReset_(); r == nil || r.GetReason() != c.reason || r.GetOffset() != 0 {
				t.Errorf("first event %v", again[0])
			}
			if !bytes.Equal(got, c.now) || last(again).GetCrc64() != crc64NVME(c.now) {
				t.Errorf("%d bytes after the reset, want %d", len(got), len(c.now))
			}
		})
	}
}

func TestForeignAndDamagedCursors(t *testing.T) {
	gw, box := newSandbox(t)
	box.SetTrace(sandbox.JobSuccess, lines(5000))
	_, all := readLog(t, gw, &jobgatev1.ReadTraceRequest{})
	good := all[0].GetCursor()
	refused := failure{codes.InvalidArgument, "INVALID_REQUEST", "cursor"}
	cases := map[string]*jobgatev1.ReadTraceRequest{"other job": {JobId: sandbox.JobFailed, Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: good}}}
	for i := range len(good) {
		damaged := []byte(good)
		damaged[i] ^= 1
		cases[fmt.Sprintf("character %d", i)] = &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: string(damaged)}}
	}
	cases["cut short"] = &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: good[:40]}}
	cases["longer"] = &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: good + "A"}}
	for name, req := range cases {
		t.Run(name, func(t *testing.T) { refused.check(t, trace(req)(as(t, sandbox.TokenDeveloper), gw)) })
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor{instance: 3, job: 7, offset: 5000, known: true, crc: 9, overlap: 1024}.String())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text, 3, 7)
		if err == nil && (c.String() != text || c.offset < 0 || int64(c.overlap) > c.offset) {
			t.Errorf("%q was taken as %+v", text, c)
		}
	})
}

func FuzzPageToken(f *testing.F) {
	req := &jobgatev1.ListProjectJobsRequest{Project: "1"}
	f.Add("AfEDn3SCILFbAWV5SnBaQ0k2")
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := parseToken(req, text); err == nil && pageToken(req, at) != text {
			t.Errorf("%q was taken as %+v", text, at)
		}
	})
}
