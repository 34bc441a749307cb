package sandbox

import (
	"math/rand/v2"
	"slices"
	"time"
	"unicode/utf8"
)

// A runner sends what it has in bursts, which end at any byte: GitLab knows of the log what
// the last one brought. A line is on its way from when the job wrote it until the next line, so
// that all that was ever sent is part of the log that the job has when it ends, however soon.

// sent is what the runner has sent of the log.
func (l *jobLog) sent(start time.Time, elapsed time.Duration, name string) []byte {
	at := l.lastFlush(elapsed)
	log := l.until(start, at, name)
	if l.lines < 2 { // the first line goes at once
		return log
	}
	since := l.lineAt(l.lines - 1)
	line := log[l.last:]
	part := int64(len(line)) * int64(at-since) / int64(l.lineAt(l.lines)-since)
	return log[:l.last+delicate(line, int(part))]
}

// lastFlush is when the runner last sent something: at the start, and then at some moment of
// the second half of each l.flush.
func (l *jobLog) lastFlush(elapsed time.Duration) time.Duration {
	if l.flush <= 0 {
		return elapsed
	}
	for i := int64(elapsed/l.flush) + 1; i > 0; i-- {
		rng := rand.New(rand.NewPCG(l.seed, uint64(i)<<32))
		if at := time.Duration((float64(i) - rng.Float64()/2) * float64(l.flush)); at <= elapsed {
			return at
		}
	}
	return 0
}

// delicate is the first place from i on where a cut hurts: after a carriage return, within an
// escape sequence, within a character. Without one it is i itself. It never goes back as i goes on.
func delicate(line []byte, i int) int {
	for at := i; at < len(line); at++ {
		if at > 0 && (line[at-1] == '\r' || !utf8.RuneStart(line[at]) || inEscape(line[:at])) {
			return at
		}
	}
	return i
}

// inEscape tells whether text ends within an escape sequence such as "\x1b[32;1m".
func inEscape(text []byte) bool {
	for _, c := range slices.Backward(text) {
		switch {
		case c == '\x1b':
			return true
		case c >= '@' && c != '[' || c < ' ':
			return false // the letter that ends one, or text
		}
	}
	return false
}
