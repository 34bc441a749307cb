package once

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// TestRoom proves that a name for which there is no room is refused, and that nothing that
// is remembered makes room for it.
func TestRoom(t *testing.T) {
	const some = 8
	reserve := int64(1 << 10)
	each := entryBytes + reserve
	for name, c := range map[string]struct {
		cfg    Config
		scope  Scope
		owners int // of the names that fill it
		err    error
	}{
		"entries":            {Config{All: Bound{Entries: some}}, All, some, nil},
		"bytes":              {Config{All: Bound{Bytes: some * each}}, All, some, nil},
		"of one, entries":    {Config{Each: Bound{Entries: some}}, Each, 1, nil},
		"of one, bytes":      {Config{Each: Bound{Bytes: some * each}}, Each, 1, nil},
		"strangers, entries": {Config{Strangers: Bound{Entries: some}}, Strangers, some, errBroken},
		"strangers, bytes":   {Config{Strangers: Bound{Bytes: some * each}}, Strangers, some, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Reserve = reserve
			inWorld(t, c.cfg, func(t *testing.T, w *world) {
				t.Helper()
				w.size = reserve
				var writes []Write[string]
				for i := range some {
					writes = append(writes, w.write(fmt.Sprint("t", i%c.owners), fmt.Sprint(i), "c", takes(0, "", c.err)))
					w.want(w.do(t.Context(), writes[i]), result{"", false, c.err})
				}
				late := w.write("t0", "late", "c", takes(0, "", nil))
				if c.scope == Strangers {
					late = w.write("another", "late", "c", takes(0, "", nil))
				}
				for range 10 {
					if e := fails[*FullError](t, w.do(t.Context(), late)); e.Scope != c.scope || e.Error() == "" {
						t.Errorf("scope %d: %v", e.Scope, e)
					}
				}
				for _, write := range writes {
					w.want(w.do(t.Context(), write), result{"", true, c.err})
				}
				w.wantSpent(some, w.asked)
				if c.scope == Each {
					w.want(w.do(t.Context(), w.write("t1", "late", "c", takes(0, "", nil))), result{"", false, nil})
				}
				time.Sleep(time.Hour)
				w.want(w.do(t.Context(), late), result{"", false, nil})
				if s := w.Stats(); s.Refused != 10 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestKnownOnesHaveRoom proves that strangers take no room of those whom GitLab knows, for
// as long as it is known.
func TestKnownOnesHaveRoom(t *testing.T) {
	inWorld(t, Config{Strangers: Bound{Entries: 4}}, func(t *testing.T, w *world) {
		t.Helper()
		w.want(w.do(t.Context(), w.write("ada", "x", "c", takes(0, "job 7", nil))), result{"job 7", false, nil})
		time.Sleep(30 * time.Minute)
		for i := range 5 {
			w.do(t.Context(), w.write(fmt.Sprint("t", i), "x", "c", takes(0, "", errBroken)))
		}
		w.want(w.do(t.Context(), w.write("ada", "y", "c", takes(0, "", errBroken))), result{"", false, errBroken})
		if s := w.Stats(); s.Strangers != 4 || s.Refused != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(30 * time.Minute) // the success of ada's is over
		if s := w.Stats(); s.Strangers != 5 {
			t.Errorf("%+v", s)
		}
		fails[*FullError](t, w.do(t.Context(), w.write("ada", "z", "c", nil)))
	})
}

// TestUnderWayTakesRoom proves that an outcome has room before there is one.
func TestUnderWayTakesRoom(t *testing.T) {
	inWorld(t, Config{All: Bound{Bytes: 2 * (entryBytes + 1000)}, Reserve: 1000}, func(t *testing.T, w *world) {
		t.Helper()
		first := w.begin(t.Context(), w.write("ada", "1", "c", takes(time.Second, "job 7", nil)))
		second := w.begin(t.Context(), w.write("ada", "2", "c", takes(time.Second, "", errRefused)))
		fails[*FullError](t, w.do(t.Context(), w.write("ada", "3", "c", nil)))
		<-first
		<-second
		w.want(w.do(t.Context(), w.write("ada", "3", "c", takes(0, "job 8", nil))), result{"job 8", false, nil})
	})
}

// TestLargeOutcome proves that one that takes more than its reserve is kept if there is
// room, and that else it is known what became of the write.
func TestLargeOutcome(t *testing.T) {
	inWorld(t, Config{All: Bound{Bytes: 3 * (entryBytes + 1000)}, Reserve: 1000}, func(t *testing.T, w *world) {
		t.Helper()
		w.size = 1900
		fits := w.write("ada", "1", "c", takes(0, "job 7", nil))
		w.want(w.do(t.Context(), fits), result{"job 7", false, nil})
		w.want(w.do(t.Context(), fits), result{"job 7", true, nil})
		done := w.write("ada", "2", "c", takes(0, "job 8", nil))
		w.want(w.do(t.Context(), done), result{"job 8", false, nil})
		w.want(w.do(t.Context(), done), result{"", true, ErrNotKept})
		w.no = errNo
		fails[*UnconfirmedError](t, w.do(t.Context(), done))
		time.Sleep(time.Hour)

		w.size, w.no = 1<<20, nil
		unknown := w.write("ada", "3", "c", takes(0, "", errBroken))
		w.want(w.do(t.Context(), unknown), result{"", false, errBroken})
		w.want(w.do(t.Context(), unknown), result{"", true, ErrUnknown})
		if s := w.Stats(); s.Bytes != entryBytes || w.runs != 3 {
			t.Errorf("%d runs, %+v", w.runs, s)
		}
	})
}

// TestEntryBytes proves that an entry takes no more memory than is counted for it, if each
// is another owner's.
func TestEntryBytes(t *testing.T) {
	const n = 40_000
	keys := NewKeys()
	s := New(Config{All: Bound{Entries: n, Bytes: 1 << 40}}, Rules[string]{
		Keep: func(answer string, err error) (string, int64, error) { return answer, 0, err },
	})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		var w Write[string]
		w.Owner = Owner(keys.Content(fmt.Sprint("owner", i)))
		w.Key = keys.Key(w.Owner, "play", "x")
		w.Run = func(context.Context) (string, error) { return "", nil }
		if _, _, err := s.Do(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	stats := s.Stats()
	s.Close(t.Context())
	per := int64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("an entry takes %d bytes of %d", per, entryBytes)
	if per > entryBytes || stats.Entries != n {
		t.Errorf("an entry takes %d bytes, not %d; %+v", per, entryBytes, stats)
	}
}
