package once

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestPanic proves that all hear of a run that came to no end of its own, and that it
// counts as a write that may have happened.
func TestPanic(t *testing.T) {
	for name, run := range map[string]func(context.Context) (string, error){
		"panic":         func(context.Context) (string, error) { panic("oh no") },
		"nil":           func(context.Context) (string, error) { panic(nil) }, //nolint:govet // it happens
		"an error":      func(context.Context) (string, error) { panic(errBroken) },
		"a long one":    func(context.Context) (string, error) { panic(strings.Repeat("x", 1<<20)) },
		"ends":          func(context.Context) (string, error) { runtime.Goexit(); return "", nil },
		"in keep, done": func(context.Context) (string, error) { return "job 7", nil },
		"in keep":       func(context.Context) (string, error) { return "", errBroken },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{}, func(t *testing.T, w *world) {
				t.Helper()
				w.rules.Keep = func(string, error) (string, int64, error) { panic("of a rule") }
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
				if e.Value == "" || len(e.Value) > maxPanic || len(e.Stack) == 0 || len(e.Stack) > maxStack {
					t.Errorf("%d bytes of a value, %d of a stack", len(e.Value), len(e.Stack))
				}
				if again := fails[*PanicError](t, w.do(t.Context(), write)); again != e {
					t.Error(again)
				}
				w.wantSpent(1, 0)
				if s := w.Stats(); s.Running != 0 || s.Strangers != 1 || s.Unknown != 2 || s.Bytes != entryBytes+int64(len(e.Value)+len(e.Stack)) {
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
