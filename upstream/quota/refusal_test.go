package quota

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// header makes one from names and values.
func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// take returns a ticket that must be there at once.
func take(t *testing.T, l *Limiter, r Request) *Ticket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	ticket, err := l.Wait(ctx, r)
	if err != nil {
		t.Fatalf("%s by %q may not be sent: %v", r.Route, r.Caller, err)
	}
	return ticket
}

// delay is how long a call has to wait; it does not send it.
func delay(t *testing.T, l *Limiter, r Request) time.Duration {
	t.Helper()
	begin := time.Now()
	ticket, err := l.Wait(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	ticket.Unsent()
	return time.Since(begin)
}

// succeed makes calls that GitLab takes.
func succeed(t *testing.T, l *Limiter, n int, r Request, h http.Header) {
	t.Helper()
	for range n {
		take(t, l, r).Done(http.StatusOK, h)
	}
}

// TestRefusals proves for each form of 429 whose limit it is believed to be, and how long
// the calls of that route, and of others with that credential, have to wait.
func TestRefusals(t *testing.T) {
	const skew = 100 * time.Hour
	at := func(d time.Duration) time.Time { return time.Now().Add(skew + d) }
	unix := func(d time.Duration) string { return strconv.FormatInt(at(d).Unix(), 10) }
	date := func(d time.Duration) string { return at(d).UTC().Format(http.TimeFormat) }
	type wait struct{ least, most time.Duration }
	none, backoff := wait{0, 0}, wait{500 * time.Millisecond, 62 * time.Second}
	for _, c := range []struct {
		name          string
		header        func() http.Header
		route, others wait
	}{
		{"jobs_index", func() http.Header { return header("Content-Type", "application/json") }, backoff, none},
		{"jobs_index, throttle is told", func() http.Header {
			return header("Content-Type", "application/json", "RateLimit-Name", "throttle_authenticated_api", "RateLimit-Limit", "2000",
				"RateLimit-Observed", "700", "RateLimit-Remaining", "1300", "RateLimit-Reset", unix(30*time.Second))
		}, backoff, none},
		{"JSON with Retry-After", func() http.Header { return header("Content-Type", "application/json", "Retry-After", "17") }, wait{17 * time.Second, 62 * time.Second}, none},
		{"JSON with Reset of its own", func() http.Header {
			return header("Content-Type", "application/json", "RateLimit-Limit", "10", "RateLimit-Remaining", "0", "RateLimit-Reset", unix(25*time.Second))
		}, wait{25 * time.Second, 28 * time.Second}, none},
		{"nothing is said", func() http.Header { return header() }, backoff, none},
		{"throttle", func() http.Header {
			return header("Content-Type", "text/plain", "RateLimit-Name", "throttle_authenticated_api", "RateLimit-Limit", "600",
				"RateLimit-Observed", "601", "RateLimit-Remaining", "0", "RateLimit-Reset", unix(40*time.Second), "Retry-After", "40")
		}, wait{40 * time.Second, 42 * time.Second}, wait{40 * time.Second, 42 * time.Second}},
		{"throttle without Retry-After", func() http.Header {
			return header("Content-Type", "text/plain", "RateLimit-Limit", "600",
				"RateLimit-Observed", "601", "RateLimit-Remaining", "0", "RateLimit-Reset", unix(40*time.Second))
		}, wait{40 * time.Second, 42 * time.Second}, wait{40 * time.Second, 42 * time.Second}},
		{"throttle with ResetTime only", func() http.Header {
			return header("Content-Type", "text/plain", "RateLimit-Limit", "600",
				"RateLimit-Observed", "601", "RateLimit-Remaining", "0", "RateLimit-ResetTime", date(40*time.Second))
		}, wait{40 * time.Second, 42 * time.Second}, wait{40 * time.Second, 42 * time.Second}},
		{"text with Retry-After", func() http.Header { return header("Content-Type", "text/plain", "Retry-After", "90") }, wait{90 * time.Second, 91 * time.Second}, wait{90 * time.Second, 91 * time.Second}},
		{"text with a date", func() http.Header { return header("Content-Type", "text/plain", "Retry-After", date(90*time.Second)) }, wait{89 * time.Second, 92 * time.Second}, wait{89 * time.Second, 92 * time.Second}},
		{"HTML", func() http.Header { return header("Content-Type", "text/html; charset=UTF-8") }, backoff, backoff},
		{"by address", func() http.Header {
			return header("Content-Type", "text/plain", "RateLimit-Name", "throttle_unauthenticated_api", "RateLimit-Limit", "5",
				"RateLimit-Observed", "6", "RateLimit-Remaining", "0", "RateLimit-Reset", unix(20*time.Second), "Retry-After", "20")
		}, wait{20 * time.Second, 22 * time.Second}, wait{20 * time.Second, 22 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, other := range []bool{false, true} {
				inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
					t.Helper()
					time.Sleep(10 * time.Second)
					r := Request{Credential: [32]byte{1}, Route: listJobs, Caller: "a"}
					dated := header("Date", date(0))
					succeed(t, l, 5, r, dated)
					h := c.header()
					h.Set("Date", date(0))
					take(t, l, r).Done(http.StatusTooManyRequests, h)
					if d := delay(t, l, Request{Credential: [32]byte{2}, Route: listJobs}); d != 0 {
						t.Errorf("another credential waits %v", d)
					}
					want := c.route
					if other {
						r.Route, want = "get job", c.others
					}
					d := delay(t, l, r)
					t.Logf("waits %v", d)
					if d < want.least || d > want.most {
						t.Errorf("%q waits %v, want %v to %v", r.Route, d, want.least, want.most)
					}
				})
			}
		})
	}
}

// TestBackOffGrows proves that refusals that say nothing are answered by waits that grow, and
// that a success ends that.
func TestBackOffGrows(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		r := Request{Route: listJobs}
		refused := func() time.Duration {
			ticket, err := l.Wait(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			ticket.Done(http.StatusTooManyRequests, header())
			return ticket.route.until - l.now()
		}
		for i := range 9 {
			wait, want := refused(), min(time.Second<<i, time.Minute)
			t.Logf("after %d refusals: %v", i+1, wait)
			if wait < want/2-1 || wait > want*3/2 {
				t.Errorf("after %d refusals it waits %v, want about %v", i+1, wait, want)
			}
		}
		ticket, err := l.Wait(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		ticket.Done(http.StatusOK, header())
		if wait := refused(); wait > 2*time.Second {
			t.Errorf("after a success, it waits %v", wait)
		}
	})
}

// TestNoStampede proves that after a refusal that has asked to wait, those who have waited
// do not come all at once: if GitLab still refuses, it does so once.
func TestNoStampede(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		r := Request{Route: listJobs}
		succeed(t, l, 50, r, header())
		take(t, l, r).Done(http.StatusTooManyRequests, header("Retry-After", "30", "Content-Type", "text/plain"))
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var sent, most int
		var mu sync.Mutex
		for range 40 {
			wg.Go(func() {
				ticket, err := l.Wait(ctx, r)
				if err != nil {
					return
				}
				mu.Lock()
				sent++
				most = max(most, sent)
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				mu.Lock()
				sent--
				mu.Unlock()
				ticket.Done(http.StatusTooManyRequests, header("Retry-After", "30", "Content-Type", "text/plain"))
			})
		}
		time.Sleep(5 * time.Minute)
		stop()
		wg.Wait()
		if most != 1 {
			t.Errorf("%d calls were in flight together", most)
		}
		if n := l.Stats().Refused; n > 11 {
			t.Errorf("refused %d times in five minutes", n)
		}
	})
}

// TestExpelled proves that those who wait are refused as soon as GitLab asks to wait longer
// than they can, and the others wait on.
func TestExpelled(t *testing.T) {
	inBubble(t, Config{FirstCalls: 1}, func(t *testing.T, l *Limiter) {
		t.Helper()
		r := Request{Route: listJobs}
		first := take(t, l, r)
		errs := make([]error, 2)
		ends := make([]time.Duration, 2)
		var wg sync.WaitGroup
		begin := time.Now()
		for i, patience := range []time.Duration{20 * time.Second, 2 * time.Minute} {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				var ticket *Ticket
				if ticket, errs[i] = l.Wait(ctx, r); errs[i] == nil {
					ticket.Unsent()
				}
				ends[i] = time.Since(begin)
			})
		}
		synctest.Wait()
		first.Done(http.StatusTooManyRequests, header("Retry-After", "50", "Content-Type", "text/plain"))
		wg.Wait()
		e, ok := errors.AsType[*Exhausted](errs[0])
		if !ok || ends[0] != 0 || e.RetryAfter < 50*time.Second || e.RetryAfter > 52*time.Second || e.Route != "" {
			t.Errorf("after %v: %v", ends[0], errs[0])
		}
		if errs[1] != nil || ends[1] < 50*time.Second {
			t.Errorf("after %v: %v", ends[1], errs[1])
		}
	})
}
