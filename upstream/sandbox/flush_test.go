package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// watch reads the log of a live job as time goes by, until it is finished.
func watch(t *testing.T, sb *sandbox.Sandbox, clk *clock, job int64, step time.Duration) (reads []string) {
	t.Helper()
	for range int(75 * time.Second / step) {
		reads = append(reads, send(sb, "GET", jobURL(job, "trace"), maintainer).Body.String())
		clk.advance(step)
	}
	return reads
}

// cutsOf names the ways in which a log is cut off.
func cutsOf(log string) (cuts []string) {
	line := log[strings.LastIndexByte(log, '\n')+1:]
	escape := line[max(strings.LastIndexByte(line, '\x1b'), 0):]
	for cut, is := range map[string]bool{
		"at the end of a line":           line == "" && log != "",
		"in a line":                      line != "",
		"in an escape sequence":          strings.HasPrefix(escape, "\x1b") && !strings.ContainsAny(escape, "Km"),
		"in a character":                 !utf8.ValidString(log),
		"after the \\r of a marker":      strings.HasPrefix(line, "section_") && strings.HasSuffix(line, "\r"),
		"in the \\x1b[0K after a marker": strings.HasPrefix(line, "section_") && strings.HasSuffix(line, "\r\x1b") || strings.HasSuffix(line, "\r\x1b["),
		"in a progress bar":              strings.HasPrefix(line, "build") && strings.HasSuffix(line, "\r"),
	} {
		if is {
			cuts = append(cuts, cut)
		}
	}
	return cuts
}

// TestRunnersSendInBursts: what a running job shows ends where the last burst did, anywhere,
// and every later log begins with it.
func TestRunnersSendInBursts(t *testing.T) {
	cuts := map[string]int{}
	for seed := range uint64(4) {
		for _, flush := range []time.Duration{0, 70 * time.Millisecond, sandbox.DefaultFlush, 7 * time.Second} {
			sb, clk := newBox(sandbox.WithSeed(seed), sandbox.WithFlush(flush))
			reads := watch(t, sb, clk, sandbox.JobLive, 110*time.Millisecond)
			final := reads[len(reads)-1]
			if !strings.HasSuffix(final, "Job succeeded\x1b[0;m\n") {
				t.Fatalf("the log ends %q", final[max(len(final)-30, 0):])
			}
			for i, log := range reads[:len(reads)-1] {
				if !strings.HasPrefix(reads[i+1], log) {
					t.Fatalf("seed %d, flush %v: %q, and then %q", seed, flush, log, reads[i+1])
				}
				if log != reads[i+1] {
					for _, cut := range cutsOf(log) {
						cuts[cut]++
					}
				}
			}
		}
	}
	for cut, least := range map[string]int{ // of about 5000
		"at the end of a line": 1, "in a line": 3000, "in an escape sequence": 500, "in a character": 800,
		"after the \\r of a marker": 10, "in the \\x1b[0K after a marker": 1, "in a progress bar": 200,
	} {
		if cuts[cut] < least {
			t.Errorf("cut %d times %s, want %d at least", cuts[cut], cut, least)
		}
	}
}

// TestBurstsKeepTime: a burst comes about once in the time that was set.
func TestBurstsKeepTime(t *testing.T) {
	for flush, want := range map[time.Duration]int{time.Second: 60, 5 * time.Second: 12, 60 * time.Second: 1} {
		sb, clk := newBox(sandbox.WithFlush(flush))
		sizes := map[int]bool{}
		for _, log := range watch(t, sb, clk, sandbox.JobLive, 100*time.Millisecond) {
			sizes[len(log)] = true
		}
		if got := len(sizes) - 2; got < want-2 || got > want+1 { // without the empty log and the whole one
			t.Errorf("every %v: %d bursts, want %d", flush, got, want)
		}
	}
}

// TestBurstsOfOtherJobs: those that are added or begin anew are sent in the same time.
func TestBurstsOfOtherJobs(t *testing.T) {
	sb, clk := newBox()
	added := sb.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "running"}}})
	retried := object(t, send(sb, "POST", jobURL(sandbox.JobFailed, "retry"), maintainer))["id"]
	again, err := retried.(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	clk.advance(4 * time.Second) // three of which the latter waits
	for range 5 {
		var before []int
		for _, id := range []int64{added, again} {
			before = append(before, send(sb, "GET", jobURL(id, "trace"), maintainer).Body.Len())
		}
		clk.advance(2 * time.Second)
		for i, id := range []int64{added, again} {
			if now := send(sb, "GET", jobURL(id, "trace"), maintainer).Body.Len(); now <= before[i] {
				t.Errorf("job %d: %d bytes, and then %d", id, before[i], now)
			}
		}
	}
}

// TestBurstsAreNotChangedByLooking: what a log is at a moment depends on seed and clock alone.
func TestBurstsAreNotChangedByLooking(t *testing.T) {
	often, clk := newBox()
	reads := watch(t, often, clk, sandbox.JobLive, time.Second/8)
	for _, i := range []int{80, 81, 100, 333, 555, 567, 599} {
		once, clk := newBox()
		clk.advance(time.Duration(i) * time.Second / 8)
		if got := send(once, "GET", jobURL(sandbox.JobLive, "trace"), maintainer).Body.String(); got != reads[i] {
			t.Errorf("at %d: %d bytes, want %d", i, len(got), len(reads[i]))
		}
	}
}

// TestJobEndsInTheMiddleOfALine: whenever a job ends, its log begins with all that it showed.
func TestJobEndsInTheMiddleOfALine(t *testing.T) {
	for i := range 200 {
		sb, clk := newBox(sandbox.WithFlush(20 * time.Millisecond))
		clk.advance(10*time.Second + time.Duration(i)*37*time.Millisecond)
		read := func() []byte {
			return send(sb, "GET", jobURL(sandbox.JobLive, "trace"), maintainer).Body.Bytes()
		}
		shown := read()
		wantStatus(t, send(sb, "POST", jobURL(sandbox.JobLive, "cancel"), maintainer), 201)
		sb.SetStatus(sandbox.JobLive, "canceled")
		final := read()
		if !bytes.HasPrefix(final, shown) || !bytes.Contains(final, []byte("canceled")) {
			t.Fatalf("showed %q, and in the end %q", shown, final)
		}
	}
}

// TestFlushDoesNotChangeTheFinalLog: it is the same however it was sent.
func TestFlushDoesNotChangeTheFinalLog(t *testing.T) {
	var logs []string
	for _, flush := range []time.Duration{0, time.Second, time.Minute} {
		sb, clk := newBox(sandbox.WithFlush(flush))
		clk.advance(5 * time.Minute)
		text := fmt.Sprintf("%s?flush=%v", jobURL(sandbox.JobLive, "trace"), flush)
		logs = append(logs, send(sb, "GET", text, maintainer).Body.String())
	}
	if logs[0] == "" || logs[0] != logs[1] || logs[1] != logs[2] {
		t.Errorf("%d, %d and %d bytes", len(logs[0]), len(logs[1]), len(logs[2]))
	}
}
