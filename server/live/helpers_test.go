package live

import (
	"bytes"
	"context"
	"errors"
	"hash/crc64"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
	"github.com/jobgate/jobgate/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const minute = time.Minute

// world is a hub in front of a GitLab, in a bubble.
type world struct {
	*fakeGitLab
	t    *testing.T
	pool *spool.Pool
	hub  *Hub
}

type options struct {
	recheck time.Duration
	memory  int64
}

// inWorld runs a test in a bubble, and proves that nothing is left of it.
func inWorld(t *testing.T, o options, run func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{fakeGitLab: newFake(), t: t}
		client, err := upstream.New("http://gitlab.test", upstream.WithTransport(w.fakeGitLab), upstream.WithNegativeCache(0))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if o.memory == 0 {
			o.memory = 64 << 20
		}
		if w.pool, err = spool.NewPool(spool.Config{Memory: o.memory}); err != nil {
			t.Fatal(err)
		}
		w.hub = NewHub(client, w.pool, Config{Recheck: o.recheck, Heartbeat: 30 * time.Second})
		run(t, w)
		w.hub.Close()
		if s := w.pool.Stats(); s.Logs != 0 || s.Memory != 0 {
			t.Errorf("left behind: %+v", s)
		}
		_ = w.pool.Close()
	})
}

// notes is held while a follower notes what it got. The test reads that without it, when
// all goroutines are at rest; rest orders the two.
var notes sync.Mutex

func rest() {
	notes.Lock()
	notes.Unlock() //nolint:gocritic,staticcheck // it is the order that counts
}

// later lets time pass, and then all that happens at that time.
func later(d time.Duration) {
	rest()
	time.Sleep(d)
	synctest.Wait()
	rest()
}

func token(name string) Who {
	return Who{Credential: upstream.Credential{PrivateToken: name}, Project: "1"}
}

var table = crc64.MakeTable(crc64.ECMA)

// follower reads a log in a goroutine of its own.
type follower struct {
	from      int64
	pause     time.Duration // after each chunk
	forget    bool          // keeps no bytes
	staleness time.Duration // the worst
	cancel    context.CancelFunc
	done      chan struct{}

	// To be read when all goroutines are at rest.
	got    []byte // since the last reset
	sum    uint64
	n      int64
	max    int64         // of n, over all resets
	last   time.Time     // when the last byte came
	gap    time.Duration // the longest time without one
	resets []jobgatev1.TraceResetReason
	holes  [][2]int64
	beats  int
	size   int64 // as the last heartbeat told it
	err    error // nil after End
	ended  bool
}

// follow starts a follower; adjust may be nil.
func (w *world) follow(who Who, from int64, adjust func(f *follower)) *follower {
	ctx, cancel := context.WithCancel(w.t.Context())
	f := &follower{from: from, cancel: cancel, done: make(chan struct{})}
	if adjust != nil {
		adjust(f)
	}
	go func() {
		defer close(f.done)
		defer cancel()
		f.err = f.run(ctx, w, who)
	}()
	return f
}

var errWrongPlace = errors.New("a chunk is not where it should be")

func (f *follower) run(ctx context.Context, w *world, who Who) error {
	r, err := w.hub.Join(ctx, who, 7, f.from, Before{})
	if err != nil {
		return err
	}
	defer r.Close()
	at := f.from
	for {
		event, err := r.Next(ctx)
		if err != nil {
			return err
		}
		if event.Kind == Chunk && event.Offset != at {
			return errWrongPlace
		}
		at = max(event.Offset+int64(len(event.Data)), event.Next)
		f.note(event)
		switch {
		case event.Kind == End:
			return nil
		case event.Kind == Chunk && f.pause > 0:
			time.Sleep(f.pause)
		}
	}
}

func (f *follower) note(event Event) {
	notes.Lock()
	defer notes.Unlock()
	f.staleness = max(f.staleness, event.Staleness)
	switch event.Kind {
	case Chunk:
		f.take(event.Data)
	case Reset:
		f.resets = append(f.resets, event.Why)
		f.got, f.sum, f.n, f.from = nil, 0, 0, 0
	case Gap:
		f.holes = append(f.holes, [2]int64{event.Offset, event.Next})
	case Heartbeat:
		f.beats++
		f.size = event.Size
	case End:
		f.ended = true
	}
}

func (f *follower) take(data []byte) {
	if !f.forget {
		f.got = append(f.got, data...)
	}
	f.sum = crc64.Update(f.sum, table, data)
	f.n += int64(len(data))
	f.max = max(f.max, f.n)
	if now := time.Now(); f.last.IsZero() {
		f.last = now
	} else {
		f.gap, f.last = max(f.gap, now.Sub(f.last)), now
	}
}

// wantLog proves that a follower got the whole log from its start on, and its end.
func (f *follower) wantLog(t *testing.T, log []byte) {
	t.Helper()
	f.wait(t)
	log = log[min(f.from, int64(len(log))):]
	switch {
	case f.err != nil || !f.ended:
		t.Fatalf("ended with %v after %d bytes", f.err, f.n)
	case f.n != int64(len(log)) || f.sum != crc64.Checksum(log, table):
		t.Fatalf("got %d bytes, want %d, or others", f.n, len(log))
	}
}

func (f *follower) wantResets(t *testing.T, want ...jobgatev1.TraceResetReason) {
	t.Helper()
	if len(f.resets) != len(want) {
		t.Fatalf("resets %v, want %v", f.resets, want)
	}
	for i, why := range f.resets {
		if why != want[i] {
			t.Errorf("resets %v, want %v", f.resets, want)
		}
	}
}

// wait returns when a follower has ended, and fails if it does not within a day.
func (f *follower) wait(t *testing.T) {
	t.Helper()
	rest()
	select {
	case <-f.done:
	case <-time.After(24 * time.Hour):
		t.Fatal("it has not ended within a day")
	}
	rest()
}

// wantRefused proves that a follower ended with GitLab's no.
func (f *follower) wantRefused(t *testing.T, status int) {
	t.Helper()
	f.wait(t)
	if e, ok := errors.AsType[*upstream.Error](f.err); !ok || e.Status != status {
		t.Errorf("ended with %v, want %d", f.err, status)
	}
}

func (f *follower) leave() {
	f.cancel()
	rest()
	<-f.done
}

// wantPrefix proves that what a follower has is the log as far as it has it.
func (f *follower) wantPrefix(t *testing.T, log []byte) {
	t.Helper()
	if from := min(f.from, int64(len(log))); !bytes.HasPrefix(log[from:], f.got) {
		t.Errorf("%d bytes from %d are not the log's", len(f.got), f.from)
	}
}

// wantHTTP proves that a follower ended with an answer of GitLab's that was no log.
func (f *follower) wantHTTP(t *testing.T) {
	t.Helper()
	if _, ok := errors.AsType[*upstream.Error](f.err); !ok {
		t.Errorf("ended with %v", f.err)
	}
}
