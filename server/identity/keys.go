package identity

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// How often keys are read.
const (
	maxAge        = 10 * time.Minute // without any reason
	strangerAge   = 30 * time.Second // since a token names a key that is not there; after an error, too
	emptyInterval = 2 * time.Second  // as long as there are none
)

var errClosed = errors.New("the verifier is closed")

// keys holds the current key set, and reads it anew. Reading is done by one goroutine at
// a time, which no caller's end ends.
type keys struct {
	source    *source
	refreshed func(changed bool, err error)
	current   atomic.Pointer[loaded] // nil before the first success

	ctx  context.Context //nolint:containedctx // of the goroutines, which close ends
	end  context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex
	closed bool
	flight chan struct{} // closed when the reading under way ends, nil if none is
	tried  time.Time     // when the last one began
	err    error         // of the last one
}

// loaded is a set as it was read.
type loaded struct {
	*keySet
	text       []byte
	generation uint64 // of the text: that of an equal one is the same
}

func newKeys(s *source, refreshed func(bool, error)) *keys {
	k := &keys{source: s, refreshed: refreshed}
	k.ctx, k.end = context.WithCancel(context.Background())
	return k
}

// run reads keys from time to time until close, and for the first time now.
func (k *keys) run() {
	flight := k.refresh(0)
	k.done.Go(func() {
		for {
			k.wait(k.ctx, flight)
			select {
			case <-k.ctx.Done():
				return
			case <-time.After(k.due()):
			}
			flight = k.refresh(strangerAge)
		}
	})
}

// due is how long the next reading is away, if nothing asks for it.
func (k *keys) due() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return time.Until(k.tried.Add(strangerAge))
	}
	return time.Until(k.tried.Add(maxAge))
}

// last is the error of the last reading.
func (k *keys) last() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// refresh begins a reading, or joins the one under way, and returns what is closed at its
// end; nil if the last one began less than pause ago.
func (k *keys) refresh(pause time.Duration) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.flight != nil:
		return k.flight
	case k.closed, !k.tried.IsZero() && time.Since(k.tried) < pause:
		return nil
	}
	k.flight, k.tried = make(chan struct{}), time.Now()
	k.done.Go(k.read)
	return k.flight
}

// read reads the set. If that does not work, the old one stays.
func (k *keys) read() {
	changed, err := k.load()
	if k.refreshed != nil && k.ctx.Err() == nil {
		k.refreshed(changed, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
	close(k.flight)
	k.flight = nil
}

func (k *keys) load() (changed bool, err error) {
	text, err := k.source.load(k.ctx)
	if err != nil {
		return false, err
	}
	old := k.current.Load()
	if old != nil && bytes.Equal(text, old.text) {
		return false, nil
	}
	set, err := parseKeys(text)
	if err != nil {
		return false, err
	}
	fresh := &loaded{keySet: set, text: text, generation: 1}
	if old != nil {
		fresh.generation = old.generation + 1
	}
	k.current.Store(fresh)
	return true, nil
}

// wait waits for the end of a reading, if there is one, or of ctx.
func (k *keys) wait(ctx context.Context, flight <-chan struct{}) {
	if flight == nil {
		return
	}
	select {
	case <-flight:
	case <-ctx.Done():
	}
}

// get returns the set that counts, and waits for the first one until ctx ends.
func (k *keys) get(ctx context.Context) (*loaded, error) {
	if set := k.current.Load(); set != nil {
		return set, nil
	}
	k.wait(ctx, k.refresh(emptyInterval))
	if set := k.current.Load(); set != nil {
		return set, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, &KeysError{err}
	}
	err := k.last()
	if err == nil {
		err = errClosed
	}
	return nil, &KeysError{err}
}

// newer returns another set than old, if there is one or a reading brings one.
func (k *keys) newer(ctx context.Context, old *loaded) (*loaded, bool) {
	if set := k.current.Load(); set != old {
		return set, true
	}
	k.wait(ctx, k.refresh(strangerAge))
	set := k.current.Load()
	return set, set != old
}

// reload reads the set now: a reading that was under way may have missed a change.
func (k *keys) reload() (changed bool, err error) {
	before := k.current.Load()
	k.mu.Lock()
	under := k.flight
	k.mu.Unlock()
	k.wait(k.ctx, under)
	flight := k.refresh(0)
	if flight == nil {
		return false, errClosed
	}
	k.wait(k.ctx, flight)
	err = k.last()
	return k.current.Load() != before, err
}

// close ends all readings and waits for them.
func (k *keys) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.end()
	k.done.Wait()
	k.source.close()
}
