package quota

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLookingAhead proves that a call which is refused early, or waits, after GitLab has
// asked to wait, changes nothing of what is told of the quota, nor of when calls are sent:
// also if answers come late that count in the time before. Looking ahead once began the
// window that was looked at.
func TestLookingAhead(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		for _, waits := range []bool{false, true} {
			t.Run(fmt.Sprintf("hidden=%v,waits=%v", hidden, waits), func(t *testing.T) { testLookingAhead(t, hidden, waits) })
		}
	}
}

func testLookingAhead(t *testing.T, hidden, waits bool) {
	t.Helper()
	inBubble(t, Config{FirstCalls: 30}, func(t *testing.T, l *Limiter) {
		t.Helper()
		const asked = 61 * time.Second // when the window, which ends in 60, is over
		until := time.Now().Add(asked)
		soon := func(at time.Time) bool { return !at.Before(until) && at.Before(until.Add(4*time.Second)) }
		r := Request{Route: listJobs, Caller: "a"}
		answer := func(observed int) http.Header {
			h := header()
			if !hidden {
				h = tell(27, observed)
			}
			if observed > 27 {
				h.Set("Retry-After", strconv.Itoa(int(time.Until(until).Seconds())))
			}
			return h
		}
		var flying []*Ticket
		for range 27 {
			flying = append(flying, take(t, l, r))
		}
		for i, ticket := range flying[:12] {
			ticket.Done(http.StatusOK, answer(1+i))
		}
		flying[12].Done(http.StatusTooManyRequests, answer(28))
		before, _ := l.Quota(r.Credential, r.Route)
		if !soon(before.Reset) {
			t.Fatalf("it is over in %v", time.Until(before.Reset))
		}
		time.Sleep(3 * time.Second)
		look(t, l, r, waits, soon)
		if after, _ := l.Quota(r.Credential, r.Route); after != before {
			t.Errorf("known was %+v, and is %+v after a look ahead", before, after)
		}
		for i, ticket := range flying[13:] {
			ticket.Done(http.StatusTooManyRequests, answer(29+i))
		}
		delay(t, l, r)
		if now := time.Now(); !soon(now) {
			t.Errorf("the next call is sent %v after the time for which GitLab asked", now.Sub(until))
		}
	})
}

// look has a call look ahead, which leaves in the end, while others wait or not.
func look(t *testing.T, l *Limiter, r Request, waits bool, soon func(time.Time) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if !waits {
		_, err := l.Wait(ctx, r)
		if e, ok := errors.AsType[*Exhausted](err); !ok || !soon(time.Now().Add(e.RetryAfter)) {
			t.Errorf("it is refused with %v", err)
		}
		return
	}
	left, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for class := range classes {
		wg.Go(func() {
			_, err := l.Wait(left, Request{Route: r.Route, Caller: "b", Class: class})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it waited until %v", err)
			}
		})
	}
	synctest.Wait()
	_, err := l.Wait(ctx, r)
	if e, ok := errors.AsType[*Exhausted](err); !ok || !soon(time.Now().Add(e.RetryAfter)) {
		t.Errorf("behind others, it is refused with %v", err)
	}
	leave()
	wg.Wait()
}

// TestForecastChangesNothing proves that forecasts, of whatever time, leave all that is
// known as it was: of quotas that are told, or were, of hidden limits, and of shared ones.
func TestForecastChangesNothing(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		a, b := Request{Route: listJobs}, Request{Route: "list runners"}
		late := header("Retry-After", "90", "Content-Type", "application/json")
		var c *credential
		for _, step := range []struct {
			name   string
			r      Request
			status int
			header http.Header
		}{
			{"told", a, http.StatusOK, tell(100, 40)},
			{"told no more", a, http.StatusOK, header()},
			{"one hidden limit", a, http.StatusTooManyRequests, late},
			{"a shared one", b, http.StatusTooManyRequests, late},
			{"refused with what is told", Request{Route: "get job"}, http.StatusTooManyRequests, tell(100, 101)},
		} {
			ticket := take(t, l, step.r)
			time.Sleep(time.Second)
			ticket.Done(step.status, step.header)
			c = ticket.cred
			before := known(c)
			for _, ahead := range []time.Duration{0, 30 * time.Second, 90 * time.Second, time.Hour} {
				for _, k := range before {
					for class := range classes {
						k.of.forecast(l.now()+ahead, queued{all: 300, fast: 20}, class)
					}
				}
			}
			if !slices.Equal(before, known(c)) {
				t.Errorf("%s: known was %+v, and is %+v", step.name, before, known(c))
			}
		}
		if c.shared == nil || !c.general.told.blind && c.general.told.lost == 0 {
			t.Errorf("it is not as the test wants it: %+v", c)
		}
	})
}

// TestQuotaPasses proves that a hidden limit which was used up is told as free again when its
// minute is over, though no call has come since.
func TestQuotaPasses(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		r := Request{Route: listJobs}
		succeed(t, l, 12, r, header())
		take(t, l, r).Done(http.StatusTooManyRequests, header())
		for range 4 {
			left := int64(0)
			if time.Since(l.born) > 61*time.Second {
				left = 12
			}
			q, known := l.Quota(r.Credential, r.Route)
			if !known || q.Limit != 12 || q.Remaining != left || q.Reset.Before(time.Now()) {
				t.Errorf("after %v, known is %+v", time.Since(l.born), q)
			}
			time.Sleep(40 * time.Second)
		}
	})
}

// copied is a bucket, and what was known of it.
type copied struct {
	of     *bucket
	bucket bucket
	tally  tally
}

func known(c *credential) []copied {
	all := []*bucket{&c.general}
	for _, r := range c.routes {
		all = append(all, &r.bucket)
	}
	if c.shared != nil {
		all = append(all, c.shared)
	}
	var as []copied
	for _, b := range all {
		k := copied{of: b, bucket: *b}
		if b.est.tally != nil {
			k.tally = *b.est.tally
		}
		as = append(as, k)
	}
	return as
}
