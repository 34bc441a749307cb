package once

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPanic proves that all hear of a run that came to no end of its own, and that it
// counts as a write that may have happened.
func TestPanic(t *testing.T) {
	for name, run := range map[string]func(context.Context) (string, error){
		"panic":        func(context.Context) (string, error) { panic("oh no") },
		"nil":          func(context.Context) (string, error) { panic(nil) }, //nolint:govet // it happens
		"an error":     func(context.Context) (string, error) { panic(errBroken) },
		"a long one":   func(context.Context) (string, error) { panic(strings.Repeat("x", 1<<20)) },
		"ends":         func(context.Context) (string, error) { runtime.Goexit(); return "", nil },
		"before judge": func(context.Context) (string, error) { return "", errors.New("judge panics") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{}, func(t *testing.T, w *world) {
				t.Helper()
				w.rules.Judge = func(error) Fate { panic("of a rule") }
				ctx, cancel := context.WithCancel(t.Context())
				write := w.write("ada", "x", "c", func(ctx context.Context) (string, error) {
					time.Sleep(time.Second)
					return run(ctx)
				})
				gone := w.begin(ctx, write)
				waiter := w.begin(t.Context(), write)
				cancel()
				fails[*PendingError](t, <-gone)
				e := fails[*PanicError](t, <-waiter)
				synctest.Wait()
				if e != w.fault || len(e.Stack) == 0 || len(e.Stack) > maxStack || len(e.Value) > maxPanic {
					t.Errorf("%q is not what was reported", e.Value)
				}
				if again := fails[*PanicError](t, w.do(t.Context(), write)); again != e {
					t.Error(again)
				}
				w.wantSpent(1, 0)
				if s := w.Stats(); s.Panics != 1 || s.Bytes != entryBytes+int64(len(e.Value)+len(e.Stack)) {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestPanicOfFirst proves that the one who ran the write hears of it too.
func TestPanicOfFirst(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		r := w.do(t.Context(), w.write("ada", "x", "c", func(context.Context) (string, error) { panic("oh no") }))
		if e := fails[*PanicError](t, r); e.Error() != "panic: oh no" || !strings.Contains(string(e.Stack), "TestPanicOfFirst") {
			t.Errorf("%v\n%s", e, e.Stack)
		}
	})
}
