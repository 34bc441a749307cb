package soak

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sort"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// version is a log as it was for a while. It only grows.
type version struct {
	number     int
	data       []byte
	born, died time.Time // died is zero for the one that is now
	growth     []growth
}

// growth is when a log had reached a size.
type growth struct {
	at   time.Time
	size int
}

// written is when GitLab got the byte before that place.
func (v *version) written(end int) time.Time {
	i := sort.Search(len(v.growth), func(i int) bool { return v.growth[i].size >= end })
	return v.growth[i].at
}

// now is the version that GitLab has. With the lock.
func (w *world) now() *version { return w.versions[len(w.versions)-1] }

// grow appends to the log.
func (w *world) grow(data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.now()
	v.data = append(v.data, data...)
	v.growth = append(v.growth, growth{time.Now(), len(v.data)})
	w.written += int64(len(data))
	w.gitlab.SetTrace(w.job, v.data)
}

// rewrite makes the log another one, that has the first bytes of the one before, and then
// others.
func (w *world) rewrite(keep func(size int) int, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.now()
	kept := keep(len(old.data))
	if kept < len(old.data) && len(data) > 0 {
		data[0] = ^old.data[kept] // so that it differs from there on
	}
	v := w.replace(append(append([]byte(nil), old.data[:kept]...), data...))
	for _, g := range old.growth {
		if g.size <= kept {
			v.growth = append(v.growth, g)
		}
	}
	v.growth = append(v.growth, growth{time.Now(), len(v.data)})
	w.written += int64(len(data))
	w.gitlab.SetTrace(w.job, v.data)
}

// replace begins a version. With the lock.
func (w *world) replace(data []byte) *version {
	now := time.Now()
	w.now().died = now
	v := &version{number: len(w.versions), data: data, born: now}
	w.versions = append(w.versions, v)
	return v
}

// end ends the job, whose log grows no more.
func (w *world) end(status string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = status
	w.gitlab.SetStatus(w.job, status)
}

// erase erases the log over GitLab's API, if there is one. The job must have ended, and
// GitLab be well.
func (w *world) erase() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.now().data) == 0 {
		return nil
	}
	r := httptest.NewRequest(http.MethodPost, fmt.Sprintf("/api/v4/projects/1/jobs/%d/erase", w.job), http.NoBody)
	r.Header.Set("Private-Token", sandbox.TokenMaintainer)
	answer := httptest.NewRecorder()
	w.gitlab.ServeHTTP(answer, r)
	if answer.Code != http.StatusCreated {
		return fmt.Errorf("erase: %d %s", answer.Code, answer.Body)
	}
	w.replace(nil)
	return nil
}

// content is n bytes as a job may write them.
func content(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+64)
	for len(b) < n {
		switch r.IntN(6) {
		case 0:
			b = append(b, "\r\x1b[0K\x00\xff\xfe half a character: \xe2\x82"...)
		case 1:
			b = fmt.Appendf(b, "section_start:%d:step\r\x1b[0K", r.Uint32())
		case 2:
			for range r.IntN(200) {
				b = append(b, byte(r.Uint32()))
			}
		default:
			b = fmt.Appendf(b, "%d ✓ %x\r\n", len(b), r.Uint64())
		}
	}
	return b[:n]
}
