package quota

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestFirstCalls proves that many calls at once, with a credential of which nothing is known
// yet, cause few refusals if its quota is nearly used up, and that they take hardly longer
// than one round trip per doubling if there is no limit.
func TestFirstCalls(t *testing.T) {
	burst := func(t *testing.T, l *Limiter, g *gitlab) time.Duration {
		t.Helper()
		var wg sync.WaitGroup
		begin := time.Now()
		for range 300 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, _ = call(ctx, l, g, Request{Route: listJobs})
			})
		}
		wg.Wait()
		return time.Since(begin)
	}
	trip := func() time.Duration { return 50 * time.Millisecond }
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		g := &gitlab{limit: 600, headers: true, there: trip, back: trip}
		for range 600 {
			g.answer(listJobs, "other")
		}
		burst(t, l, g)
		t.Logf("%d refused", g.refusals)
		if g.refusals < 1 || g.refusals > 8 {
			t.Errorf("%d calls were refused", g.refusals)
		}
	})
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		g := &gitlab{there: trip, back: trip}
		d := burst(t, l, g)
		t.Logf("300 calls took %v", d)
		if d > 600*time.Millisecond {
			t.Errorf("300 calls took %v", d)
		}
		if n := len(g.answers); n != 300 {
			t.Errorf("%d were sent", n)
		}
	})
}

// TestMemory proves that a million credentials do not take more memory than those that may
// be remembered, and that one in use is not forgotten meanwhile.
func TestMemory(t *testing.T) {
	l := newLimiter(t, Config{Credentials: 1000})
	used := Request{Credential: [32]byte{0xff}, Route: listJobs}
	if ticket, err := l.Wait(t.Context(), used); err == nil {
		ticket.Done(http.StatusOK, tell(600, 1))
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	must := func(r Request) *Ticket {
		ticket, err := l.Wait(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	call := func(i int) {
		r := Request{Route: listJobs, Caller: "a"}
		binary.BigEndian.PutUint64(r.Credential[8:], uint64(i))
		must(r).Done(http.StatusUnauthorized, header())
		if i%500 == 0 {
			must(used).Done(http.StatusOK, tell(600, 1))
		}
	}
	before := heap()
	for i := range 1000 {
		call(i)
	}
	each := heap() - before
	for i := range 1_000_000 {
		call(i)
	}
	grown := heap() - before - each
	t.Logf("1000 credentials take %d KiB; after a million, %d KiB more", each>>10, grown>>10)
	if s := l.Stats(); s.Credentials > 1000 || s.Forgotten < 999_000 {
		t.Errorf("%d are remembered, %d forgotten", s.Credentials, s.Forgotten)
	}
	if grown > each/2 {
		t.Errorf("grown by %d KiB", grown>>10)
	}
	if _, known := l.Quota(used.Credential, used.Route); !known {
		t.Error("a credential in use was forgotten")
	}
}

// TestIdle proves that what was not used for some minutes is forgotten, and that calls which
// wait keep theirs.
func TestIdle(t *testing.T) {
	inBubble(t, Config{Idle: 5 * time.Minute}, func(t *testing.T, l *Limiter) {
		t.Helper()
		a, b := Request{Credential: [32]byte{1}}, Request{Credential: [32]byte{2}}
		take(t, l, a).Done(http.StatusOK, header())
		take(t, l, b).Done(http.StatusTooManyRequests, header("Retry-After", "1200", "Content-Type", "text/plain"))
		done := make(chan error)
		go func() {
			ticket, err := l.Wait(t.Context(), b)
			if err == nil {
				ticket.Unsent()
			}
			done <- err
		}()
		time.Sleep(4 * time.Minute)
		if n := l.Stats().Credentials; n != 2 {
			t.Errorf("after 4 minutes %d are remembered", n)
		}
		time.Sleep(2 * time.Minute)
		if n := l.Stats().Credentials; n != 1 {
			t.Errorf("after 6 minutes %d are remembered", n)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(6 * time.Minute)
		take(t, l, a).Unsent() // one call is enough to forget
		if n := len(l.creds); n != 1 {
			t.Errorf("in the end %d are remembered", n)
		}
	})
}

// TestWhatIsTold proves what is told of credentials and in sum.
func TestWhatIsTold(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		time.Sleep(10 * time.Second)
		a := Request{Credential: [32]byte{0xab, 0xcd, 0xef, 0x01, 0x23}, Route: "get job"}
		b := Request{Credential: [32]byte{0x02}, Route: listJobs}
		take(t, l, a).Done(http.StatusOK, tell(1000, 350))
		take(t, l, a).Done(http.StatusOK, tell(1000, 351))
		take(t, l, a).Unsent()
		take(t, l, b).Done(http.StatusTooManyRequests, header("Content-Type", "text/plain", "Retry-After", "50"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.Wait(ctx, b)
		if e, ok := errors.AsType[*Exhausted](err); !ok || e.Error() == "" {
			t.Error(err)
		}
		top := l.Top(5)
		if len(top) != 2 || top[0].Credential != "abcdef01" || top[0].Calls != 3 || top[0].Quota.Remaining != 649 || top[0].Quota.Limit != 1000 ||
			top[1].Credential != "02000000" || top[1].Calls != 2 || top[1].Upstream != 1 || top[1].Early != 1 {
			t.Errorf("%+v", top)
		}
		if len(l.Top(1)) != 1 {
			t.Error("more than asked for")
		}
		s := l.Stats()
		if s.Admitted != 4 || s.Refused != 1 || s.Late != 1 || s.Remaining[6] != 1 || s.Remaining[0] != 1 || s.Unknown != 0 || s.Credentials != 2 {
			t.Errorf("%+v", s)
		}
		time.Sleep(3 * time.Minute)
		if n := l.Top(1)[0].Calls; n != 0 {
			t.Errorf("%d calls after three minutes", n)
		}
	})
}

// TestConfig proves that what makes no sense is refused.
func TestConfig(t *testing.T) {
	for _, cfg := range []Config{{FirstCalls: -1}, {Credentials: -1}, {Idle: -1}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
