package once

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/jobgate/jobgate/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Errors that a write ends with.
var (
	errRefused error = &upstream.Error{Kind: upstream.Answered, Write: true, Status: http.StatusForbidden, Message: "403 Forbidden"}
	errNotSent error = &upstream.Error{Kind: upstream.NotSent, Write: true, Err: errors.New("connection refused")}
	errBroken  error = &upstream.Error{Kind: upstream.Interrupted, Write: true, Err: errors.New("connection reset")}
	errNo      error = &upstream.Error{Kind: upstream.Answered, Status: http.StatusUnauthorized, Message: "401 Unauthorized"}
)

// world is a store of texts in a bubble, and what its writes do.
type world struct {
	*Store[string]
	t    *testing.T
	keys *Keys

	mu    sync.Mutex
	runs  int
	asked int    // for a yes
	about string // the answer that it was for
	no    error  // what GitLab says then
	size  int64  // of an outcome; 0 is that of its text
}

// inWorld runs a test in a bubble, and proves that a store that is measured becomes empty.
func inWorld(t *testing.T, cfg Config, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, keys: NewKeys()}
		w.Store = New(cfg, Rules[string]{
			Keep: func(answer string, err error) (string, int64, error) {
				if w.size > 0 {
					return answer, w.size, err
				}
				return answer, int64(len(answer)), err
			},
		})
		test(t, w)
		w.Close(t.Context())
		time.Sleep(w.cfg.Window)
		if s := w.Stats(); s.Entries != 0 || s.Bytes != 0 || s.Strangers != 0 || s.Running != 0 || s.Owners != 0 || w.rooms.strangers.used != (Bound{}) {
			t.Errorf("left behind: %+v", s)
		}
	})
}

// write is one with a name, that a token's owner does by run.
func (w *world) write(token, id, content string, run func(context.Context) (string, error)) Write[string] {
	owner := w.keys.Owner(upstream.Credential{PrivateToken: token}, "")
	return Write[string]{
		Owner: owner, Key: w.keys.Key(owner, "play", id), Content: w.keys.Content(content),
		Run: func(ctx context.Context) (string, error) {
			w.mu.Lock()
			w.runs++
			w.mu.Unlock()
			return run(ctx)
		},
		Yes: func(_ context.Context, answer string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked++
			w.about = answer
			return w.no
		},
	}
}

// takes is a run that takes so long.
func takes(d time.Duration, answer string, err error) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		select {
		case <-time.After(d):
			return answer, err
		case <-ctx.Done():
			return "", fmt.Errorf("%w: %w", errBroken, context.Cause(ctx))
		}
	}
}

// result is what Do returned.
type result struct {
	answer string
	again  bool
	err    error
}

func (w *world) do(ctx context.Context, write Write[string]) (r result) {
	r.answer, r.again, r.err = w.Do(ctx, write)
	return r
}

// begin is do in the background. It returns when nothing happens but time.
func (w *world) begin(ctx context.Context, write Write[string]) <-chan result {
	out := make(chan result, 1)
	go func() { out <- w.do(ctx, write) }()
	synctest.Wait()
	return out
}

func (w *world) want(got, want result) {
	w.t.Helper()
	if got.answer != want.answer || got.again != want.again || !errors.Is(got.err, want.err) {
		w.t.Errorf("got %q, again %v, %v; want %q, again %v, %v", got.answer, got.again, got.err, want.answer, want.again, want.err)
	}
}

func (w *world) wantSpent(runs, asked int) {
	w.t.Helper()
	if w.runs != runs || w.asked != asked {
		w.t.Errorf("%d runs, and %d times asked for a yes; want %d, %d", w.runs, w.asked, runs, asked)
	}
}

// fails is the outcome of a type of error.
func fails[E error](t *testing.T, r result) (e E) {
	t.Helper()
	e, ok := errors.AsType[E](r.err)
	if !ok || r.answer != "" {
		t.Fatalf("got %q, %v (%T); want %T", r.answer, r.err, r.err, e)
	}
	return e
}
