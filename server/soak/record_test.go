package soak

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc64"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Bounds of how old a log may be that a follower gets.
const (
	// stale bounds the age of a log that a stream goes on in, with a GitLab in trouble.
	stale = 10 * time.Minute
	// staleEnd bounds it for a stream that ends well, counted from its start: a log that was
	// complete is not looked at again for as long as a yes counts.
	staleEnd = recheck + 10*time.Second
)

var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// record is what one follower has got, over all its streams. Its methods take what a stream
// brought, and say what is wrong with it:
//
//   - bytes are at the place that comes next, and what a follower has since its last reset is
//     part of one version of the log;
//   - a reset comes only if the log was changed since, in what the follower may have;
//   - a gap comes only where GitLab has lost bytes;
//   - an end comes after that of the job, with all of a version that there was not long ago, and
//     tells its size and digest;
//   - nobody gets a byte that was written later than his token's revocation and the interval in
//     which GitLab is asked again.
type record struct {
	*world
	name  string
	token string
	slow  bool
	pause time.Duration // after each event
	at    *replica      // where it always goes, nil for any
	rand  *rand.Rand

	from   int64 // where got begins, -1 if that is not known yet
	got    []byte
	fits   map[*version]bool // versions that got may be of
	since  time.Time         // when what is held was begun
	opened time.Time         // when the stream was

	streams int
	whole   bool // from the first byte on, so that a digest is told
	resets  int
	gaps    int
	trail   []string
	refused time.Time // when it was ended by GitLab's no
	ended   bool
	done    bool  // it follows no more
	failed  error // what is wrong with what it got
}

// notef adds a line to the trail.
func (r *record) notef(format string, args ...any) {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	line := fmt.Sprintf("%8.3fs  ", time.Since(r.began).Seconds()) + fmt.Sprintf(format, args...)
	if len(r.trail) == 80 {
		r.trail = slices.Delete(r.trail, 0, 20)
	}
	r.trail = append(r.trail, line)
}

// next is the place of the byte that comes next, -1 if any may.
func (r *record) next() int64 {
	if r.from < 0 {
		return -1
	}
	return r.from + int64(len(r.got))
}

func (r *record) openf(format string, args ...any) {
	r.opened = time.Now()
	if r.since.IsZero() {
		r.since = r.opened
	}
	r.notef("open "+format, args...)
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	r.streams++
}

func (r *record) chunk(offset int64, data []byte) error {
	r.notef("chunk at %d, %d bytes", offset, len(data))
	switch {
	case r.ended:
		return errors.New("bytes after the end")
	case r.from < 0:
		r.from = offset
	case offset != r.next():
		return fmt.Errorf("bytes at %d, where %d was to come", offset, r.next())
	}
	r.count("chunks", 1)
	r.count("bytes", len(data))
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	before := r.candidates()
	r.got = append(r.got, data...)
	if r.fits == nil {
		r.fits = map[*version]bool{}
	}
	for _, v := range r.versions {
		fits, seen := r.fits[v]
		switch {
		case !seen:
			fits = holds(v, r.from, r.got)
		case fits:
			fits = holds(v, offset, data)
		}
		r.fits[v] = fits
	}
	after := r.candidates()
	if len(after) == 0 {
		return fmt.Errorf("bytes %d to %d are of no log together with those before: %s", offset, r.next(), r.explain(before, offset, data))
	}
	return r.mayKnow(after)
}

// mayKnow says whether a follower may have those bytes, with his token. With the lock.
func (r *record) mayKnow(logs []*version) error {
	revoked, ok := r.revoked[r.token]
	if !ok {
		return nil
	}
	for _, v := range logs {
		if !v.written(int(r.next())).After(revoked.Add(recheck)) {
			return nil
		}
	}
	return fmt.Errorf("bytes up to %d were written more than %s after the token was revoked", r.next(), recheck)
}

// holds says whether a version has those bytes there.
func holds(v *version, offset int64, data []byte) bool {
	end := offset + int64(len(data))
	return end <= int64(len(v.data)) && bytes.Equal(v.data[offset:end], data)
}

// candidates are the versions that what is held may be of. With the lock.
func (r *record) candidates() (logs []*version) {
	for _, v := range r.versions {
		if (r.fits[v] || len(r.got) == 0) && (v.died.IsZero() || v.died.After(r.since.Add(-stale))) {
			logs = append(logs, v)
		}
	}
	return logs
}

// explain tells of what log bytes would have been. With the lock.
func (r *record) explain(before []*version, offset int64, data []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "held from %d;", r.from)
	for _, v := range before {
		fmt.Fprintf(&b, " what was held is of version %d;", v.number)
	}
	for _, v := range r.versions {
		if holds(v, offset, data) {
			fmt.Fprintf(&b, " what came is of version %d;", v.number)
		} else if i := bytes.Index(v.data, data[:min(len(data), 64)]); i >= 0 && len(data) >= 16 {
			fmt.Fprintf(&b, " what came begins like version %d at %d;", v.number, i)
		}
	}
	for _, v := range r.versions {
		fmt.Fprintf(&b, " version %d had %d bytes up to %.3fs;", v.number, len(v.data), v.died.Sub(r.began).Seconds())
	}
	return b.String()
}

func (r *record) reset(offset int64, why string) error {
	r.notef("reset to %d, %s", offset, why)
	r.count("reset "+why, 1)
	r.resets++
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	now := r.now()
	logs := r.candidates()
	switch {
	case r.ended:
		return errors.New("a reset after the end")
	case r.from >= 0 && offset > r.next():
		return fmt.Errorf("a reset to %d, beyond %d", offset, r.next())
	case len(r.got) == 0 && len(r.versions) > 1: // it has nothing to lose
	case len(logs) > 0 && logs[0] == now:
		return fmt.Errorf("a reset, though the log has not changed since %.3fs", now.born.Sub(r.began).Seconds())
	}
	if r.from < 0 || offset <= r.from {
		r.from, r.got = offset, nil
	}
	r.got, r.fits, r.since, r.whole = r.got[:offset-r.from], nil, r.opened, offset == 0
	return nil
}

func (r *record) gap(offset, next int64) error {
	r.notef("gap from %d to %d", offset, next)
	r.count("gap", 1)
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	switch {
	case r.ended || offset != r.next() || next <= offset:
		return fmt.Errorf("a gap from %d to %d at %d", offset, next, r.next())
	case r.lost.from >= r.lost.to || next <= r.lost.from || offset >= r.lost.to:
		return fmt.Errorf("a gap from %d to %d, where nothing is missing", offset, next)
	}
	r.from, r.got, r.fits, r.whole = next, nil, nil, false
	r.gaps++
	return nil
}

// ending is what an end event says.
type ending struct {
	reason, status string
	size           int64
	crc            *uint64
}

// end takes the end of a stream that ended well. Of plain text, say is nil.
func (r *record) end(say *ending) error {
	r.notef("end %+v", say)
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	r.ended = true
	switch {
	case r.status == "":
		return errors.New("the end, before that of the job")
	case say == nil:
	case say.reason != "complete" || say.status != r.status:
		return fmt.Errorf("ended as %s, %s; the job is %s", say.reason, say.status, r.status)
	case r.from < 0:
		r.from = say.size
	case say.size != r.next():
		return fmt.Errorf("ended at %d with %d bytes", say.size, r.next())
	}
	if say != nil && r.whole && r.from == 0 {
		if say.crc == nil || *say.crc != crc64.Checksum(r.got, nvme) {
			return fmt.Errorf("the digest of %d bytes is wrong or missing", len(r.got))
		}
	}
	sum := sha256.Sum256(r.got)
	for _, v := range r.versions {
		from := min(max(r.from, 0), int64(len(v.data)))
		if sha256.Sum256(v.data[from:]) == sum && (v.died.IsZero() || v.died.After(r.opened.Add(-staleEnd))) {
			r.tally["end"]++
			return nil
		}
	}
	return fmt.Errorf("%d bytes from %d at the end are no whole log: %s", len(r.got), r.from, r.explain(r.candidates(), r.from, r.got))
}
