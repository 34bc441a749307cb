package isolation

import (
	"bytes"
	"strconv"
	"time"
)

// telling is what one caller is told in one call.
type telling struct {
	*world
	caller

	op
	start time.Time
	place int64 // of a log, as far as he has it, or named it himself; -1 before the first event
}

func (w *world) telling(c caller, o op) *telling {
	return &telling{world: w, caller: c, op: o, start: time.Now(), place: -1}
}

// remembered is how long a refusal is remembered.
const remembered = time.Second

// check looks at what was told: each mark must be for this very caller, and from now.
func (t *telling) check(where string, b []byte) {
	if bytes.Contains(b, []byte(neverBegin)) {
		t.failf("%v by %v: %s has what is for nobody: %.300q", t.op, t.ident, where, b)
	}
	if t.kind != readLog && bytes.Contains(b, []byte(lineBegin)) {
		t.failf("%v by %v: %s has lines of a log", t.op, t.ident, where)
	}
	g := t.gitlab
	for _, text := range marksIn(b) {
		g.mu.Lock()
		m := g.marks[text]
		if m == nil {
			g.mu.Unlock()
			t.failf("%v by %v: %s has %s, which GitLab never said", t.op, t.ident, where, text)
			return
		}
		was := *m
		yes, yesList := g.yes[said{t.ident, firstJob + m.job}], g.yes[said{t.ident, m.pipeline}]
		g.mu.Unlock()
		t.judge(where, was, yes, yesList)
	}
}

func (t *telling) judge(where string, m mark, yes, yesList time.Time) {
	refusal := m.status == 401 || m.status == 403 || m.status == 404
	switch {
	case m.who == t.ident && !m.told.Before(t.start):
		t.tally("told what is from now", 1)
	case m.who == t.ident && refusal && t.start.Sub(m.told) <= remembered:
		t.tally("told a refusal of a moment ago", 1)
	case m.who == t.ident && t.kind == readJob && m.status == 200 && t.start.Sub(m.told) < t.finished:
		t.tally("told a finished job of a moment ago", 1)
	case m.who == t.ident && m.status == 429 && time.Since(m.told) <= memory: // who joins a read that waits for the quota
		t.tally("told that the quota was used up", 1)
	case t.requestID != "" && m.status >= 500 && m.who.sansProof() == t.sansProof(): // the number of the request whose outcome is not known
		t.tally("told of a write whose outcome is not known", 1)
	case t.requestID != "" && m.status/100 == 2 && m.who.sansProof() == t.sansProof() &&
		(!yes.Before(t.start) || m.pipeline >= 0 && !yesList.Before(t.start)):
		t.tally("told what an earlier write was", 1)
	default:
		t.failf("%v by %v, from %s to %s: %s tells what GitLab said to %v, %s ago, %d to %q",
			t.op, t.ident, t.start.Sub(began), time.Since(began), where, m.who, time.Since(m.told), m.status, m.what)
	}
}

// oldest is how old GitLab's yes to a follower may be.
func (w *world) oldest() time.Duration {
	if w.recheck == 0 {
		return slowest
	}
	return w.recheck
}

// mightRead says whether GitLab would have let the caller read the log within the last while.
func (t *telling) mightRead(within time.Duration) bool {
	t.gitlab.mu.Lock()
	defer t.gitlab.mu.Unlock()
	return t.gitlab.might(t.ident, readLog, t.number, t.job, within)
}

// checkLog looks at bytes of a log.
func (t *telling) checkLog(b []byte) {
	if len(b) == 0 {
		return
	}
	t.check("the log", b)
	if t.place >= 0 {
		t.place += int64(len(b))
	}
	within := time.Since(t.start)
	if t.what == "follow" {
		within = t.oldest()
	}
	if !t.mightRead(within) {
		t.failf("%v by %v, from %s to %s: got %d bytes of a log that GitLab has refused for longer than %s",
			t.op, t.ident, t.start.Sub(began), time.Since(began), len(b), within)
		return
	}
	t.tally("bytes of logs", len(b))
	for rest := b; ; {
		i := bytes.Index(rest, []byte(lineBegin))
		if i < 0 || len(rest) < i+len(lineBegin)+3 {
			return
		}
		rest = rest[i+len(lineBegin):]
		if n, err := strconv.Atoi(string(rest[:3])); err != nil || n != t.job {
			t.failf("%v by %v: got the log of another job: %.60q", t.op, t.ident, rest)
			return
		}
	}
}

// checkSize looks at the size of a log: one that it has reached since GitLab would have said
// yes for the last time, and the yes counts no more, is not the caller's to know.
// What he has, or named himself, is: the first size of a stream is the place that he asked for.
func (t *telling) checkSize(size int64) {
	if t.place < 0 {
		t.place = size
	}
	if size <= t.place {
		return
	}
	g := t.gitlab
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, was := range g.tasks[t.job].sizes {
		if int64(was.size) != size {
			continue
		}
		within := time.Since(was.at) + t.oldest()
		if within < memory && !g.might(t.ident, readLog, t.number, t.job, within) {
			t.failSize(size, within)
		}
		return
	}
}

func (t *telling) failSize(size int64, within time.Duration) {
	t.failf("%v by %v, from %s to %s: is told the size %d of a log that GitLab has refused for longer than %s",
		t.op, t.ident, t.start.Sub(began), time.Since(began), size, within)
}
