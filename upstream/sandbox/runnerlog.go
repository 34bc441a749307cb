package sandbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// jobLog is what a job has written. A scripted log follows the job's timeline; once a caller has
// set or grown it, it holds exactly the given bytes.
type jobLog struct {
	scripted bool
	seed     uint64
	every    time.Duration
	flush    time.Duration // see WithFlush
	fixed    []byte

	cache    []byte // scripted body so far
	lines    int    // lines in cache
	last     int    // where the last of them begins
	startsAt time.Time

	whole       []byte // the log of a finished job
	wholeStatus string
	wholeEnd    time.Time
}

// logAt returns the log as of now. Callers must not change the bytes.
func (j *job) logAt(now time.Time) []byte {
	if j.erasedAt != nil {
		return nil
	}
	if !j.log.scripted {
		return j.log.fixed
	}
	start, ok := j.startedAt(now)
	if !ok {
		return nil
	}
	end, done := j.finishedAt(now)
	if !done {
		return slices.Clip(j.log.sent(start, now.Sub(start), j.name))
	}
	return j.log.ended(start, end, j.status(now), j.name)
}

// ended is the whole log of a finished job, computed once.
func (l *jobLog) ended(start, end time.Time, status, name string) []byte {
	if l.whole == nil || l.wholeStatus != status || !l.wholeEnd.Equal(end) {
		l.whole = slices.Concat(l.until(start, end.Sub(start), name), []byte(tail(status, end)))
		l.wholeStatus, l.wholeEnd = status, end
	}
	return slices.Clip(l.whole)
}

// until extends the cached body up to the elapsed time, or starts over when the clock or the
// timeline went back.
func (l *jobLog) until(start time.Time, elapsed time.Duration, name string) []byte {
	if !l.startsAt.Equal(start) || l.lines > 0 && l.lineAt(l.lines-1) > elapsed {
		l.cache, l.lines, l.last, l.startsAt = nil, 0, 0, start
	}
	for l.lineAt(l.lines) <= elapsed {
		l.last = len(l.cache)
		l.cache = append(l.cache, l.line(l.lines, start, name)...)
		l.lines++
	}
	return l.cache
}

func (l *jobLog) lineAt(i int) time.Duration {
	if i < headLines {
		return time.Duration(i) * 150 * time.Millisecond
	}
	return time.Duration(headLines)*150*time.Millisecond + time.Duration(i-headLines)*l.every
}

const headLines = 8

// line writes the i-th line of a log the way a runner does: colours, section markers that end
// in a carriage return, progress bars, and text beyond ASCII.
func (l *jobLog) line(i int, start time.Time, name string) string {
	unix := start.Unix()
	switch i {
	case 0:
		return "\x1b[0KRunning with gitlab-runner 18.9.0 (4a5b6c7d)\x1b[0;m\n"
	case 1:
		return "\x1b[0K  on sandbox-runner s_6f7e8d9c0b1a, system ID: s_6f7e8d9c0b1a\x1b[0;m\n"
	case 2:
		return sectionStart("prepare_executor", `Preparing the "docker" executor`, unix)
	case 3:
		return "\x1b[0KUsing docker image golang:1.26 ...\x1b[0;m\n"
	case 4:
		return fmt.Sprintf("section_end:%d:prepare_executor\r\x1b[0K", unix+1)
	case 5:
		return sectionStart("step_script[collapsed=true]", `Executing "step_script" stage of the job script`, unix+1)
	case 6:
		return fmt.Sprintf("\x1b[32;1m$ make %q\x1b[0;m\n", name)
	case 7:
		return "fetch  10%\rfetch  55%\rfetch 100%\n"
	}
	rng := rand.New(rand.NewPCG(l.seed, uint64(i)))
	ms := rng.IntN(4000)
	switch rng.IntN(6) {
	case 0:
		return fmt.Sprintf("\x1b[33mWARN\x1b[0m step %d: slow disk, %d ms\n", i, ms)
	case 1:
		return fmt.Sprintf("✓ Größe geprüft: Schritt %d, %d µs\n", i, ms)
	case 2:
		return fmt.Sprintf("測試 %d 通過 🚀 (%d ms)\n", i, ms)
	case 3:
		return fmt.Sprintf("build %3d%%\rbuild %3d%%\rbuild 100%% step %d\n", ms%50, 50+ms%50, i)
	default:
		return fmt.Sprintf("\x1b[32mok\x1b[0m  \tacme/widgets/part%03d\t%d.%03ds\n", i, ms/1000, ms%1000)
	}
}

func sectionStart(name, title string, unix int64) string {
	return fmt.Sprintf("section_start:%d:%s\r\x1b[0K\x1b[0K\x1b[36;1m%s\x1b[0;m\x1b[0;m\n", unix, name, title)
}

func tail(status string, end time.Time) string {
	section := fmt.Sprintf("\nsection_end:%d:step_script\r\x1b[0K", end.Unix())
	switch status {
	case "success":
		return section + "\x1b[32;1mJob succeeded\x1b[0;m\n"
	case "failed":
		return section + "\x1b[31;1mERROR: Job failed: exit code 1\n\x1b[0;m\n"
	case "canceled":
		return section + "\x1b[31;1mERROR: Job failed: canceled\n\x1b[0;m\n"
	}
	return ""
}
