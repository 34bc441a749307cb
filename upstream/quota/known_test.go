package quota

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestNeverMoreThanKnown proves that, once an answer has told the quota, no call is sent that
// GitLab refuses, and of a hidden limit, no minute sees more than the estimate: with slow
// answers that come in any order, some lost, some not sent, and clocks that differ.
func TestNeverMoreThanKnown(t *testing.T) {
	for seed := range uint64(20) {
		for _, hidden := range []bool{false, true} {
			t.Run(fmt.Sprintf("hidden=%v,seed=%d", hidden, seed), func(t *testing.T) { testNeverMore(t, hidden, seed) })
		}
	}
}

func testNeverMore(t *testing.T, hidden bool, seed uint64) {
	t.Helper()
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		rnd := rand.New(rand.NewPCG(seed, 2))
		slow := some(time.Millisecond, time.Duration(rnd.Int64N(int64(4*time.Second)))+2*time.Millisecond)
		g := &gitlab{there: slow, back: slow, skew: time.Duration(rnd.Int64N(int64(time.Hour)))}
		limit := 20 + rnd.Int64N(200)
		if hidden {
			g.index, g.sliding = limit, seed%2 == 0
		} else {
			g.limit, g.headers = limit, true
			r := Request{Route: listJobs}
			if _, err := call(t.Context(), l, g, r); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 200 {
			caller, class := fmt.Sprint(rnd.IntN(4)), Class(rnd.IntN(2))
			wg.Go(func() {
				for ctx.Err() == nil {
					time.Sleep(rand.N(time.Second))
					ticket, err := l.Wait(ctx, Request{Route: listJobs, Caller: caller, Class: class})
					if err != nil {
						continue
					}
					switch p := rand.N(100); {
					case p < 3:
						ticket.Unsent()
					case p < 6:
						sleep(g.there)
						if rand.N(2) == 0 {
							g.answer(listJobs, caller)
						}
						sleep(g.back)
						ticket.Lost()
					default:
						ticket.Done(g.do(listJobs, caller))
					}
				}
			})
		}
		if !hidden {
			time.Sleep(8 * time.Minute)
			stop()
			wg.Wait()
			t.Logf("%d sent, %d refused of a limit of %d", len(g.answers), g.refusals, limit)
			if g.refusals > 0 || int64(len(g.answers)) < 5*limit {
				t.Errorf("%d sent, %d refused of a limit of %d", len(g.answers), g.refusals, limit)
			}
			return
		}
		time.Sleep(4 * time.Minute) // it is learned by then, and not tested soon
		from := time.Now()
		l.mu.Lock()
		e := &l.creds[[32]byte{}].route(listJobs).est
		allowed, quietFor := e.limit, e.testAt-l.now()
		l.mu.Unlock()
		if quietFor > 3*time.Minute {
			time.Sleep(3 * time.Minute)
		}
		to := time.Now()
		stop()
		wg.Wait()
		var in []time.Time
		most := 0
		for _, s := range g.answers {
			if s.at.After(from) && s.at.Before(to) {
				in = append(in, s.at)
			}
		}
		slices.SortFunc(in, time.Time.Compare)
		for i, j := 0, 0; j < len(in); j++ {
			for in[j].Sub(in[i]) >= time.Minute {
				i++
			}
			most = max(most, j-i+1)
		}
		t.Logf("limit %d, estimate %d; the fullest of the next minutes had %d", limit, allowed, most)
		if int64(most) > allowed {
			t.Errorf("%d calls in a minute, the estimate is %d", most, allowed)
		}
	})
}

// TestOrderOfAnswers proves that answers teach the same in whatever order they come.
func TestOrderOfAnswers(t *testing.T) {
	for seed := range uint64(50) {
		inBubble(t, Config{FirstCalls: 200}, func(t *testing.T, l *Limiter) {
			t.Helper()
			rnd := rand.New(rand.NewPCG(seed, 3))
			time.Sleep(55 * time.Second)
			r := Request{Credential: [32]byte{1}, Route: listJobs}
			type answer struct {
				ticket *Ticket
				header http.Header
			}
			var all []answer
			for i := range 60 { // of a window that ends soon
				all = append(all, answer{take(t, l, r), tell(100, 1+i)})
			}
			time.Sleep(10 * time.Second)
			for i := range 30 {
				all = append(all, answer{take(t, l, r), tell(100, 1+i)})
			}
			rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for _, a := range all {
				a.ticket.Done(http.StatusOK, a.header)
			}
			q, known := l.Quota(r.Credential, r.Route)
			if !known || q.Remaining != 70 || q.Limit != 100 || q.Window != time.Minute || time.Until(q.Reset) < 54*time.Second || time.Until(q.Reset) > 57*time.Second {
				t.Errorf("known is %+v", q)
			}
		})
	}
}

// TestOnce proves that a ticket counts once, and that Unsent gives back what was taken.
func TestOnce(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		r := Request{Route: listJobs}
		take(t, l, r).Done(http.StatusOK, tell(100, 50))
		left := func() int64 {
			q, _ := l.Quota(r.Credential, r.Route)
			return q.Remaining
		}
		for _, c := range []struct {
			name string
			end  func(*Ticket)
			want int64
		}{
			{"unsent", func(t *Ticket) { t.Unsent(); t.Unsent(); t.Lost(); t.Done(http.StatusOK, tell(100, 99)) }, 50},
			{"lost", func(t *Ticket) { t.Lost(); t.Lost(); t.Unsent() }, 49},
			{"done", func(t *Ticket) { t.Done(http.StatusOK, tell(100, 52)); t.Done(http.StatusOK, tell(100, 99)) }, 48},
			{"done without headers", func(t *Ticket) { t.Done(http.StatusOK, header()) }, 47},
		} {
			time.Sleep(time.Millisecond)
			ticket := take(t, l, r)
			time.Sleep(time.Millisecond)
			c.end(ticket)
			if n := left(); n != c.want {
				t.Errorf("%s: %d left, want %d", c.name, n, c.want)
			}
		}
	})
}

// TestAddressQuota proves that the quota of the gateway's address, which GitLab tells with
// answers to credentials that it does not know, is not taken for theirs.
func TestAddressQuota(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		h := tell(10, 10)
		h.Set("RateLimit-Name", "throttle_unauthenticated_api")
		for _, c := range []struct {
			digest [32]byte
			known  bool
		}{{[32]byte{1}, false}, {[32]byte{}, true}} {
			r := Request{Credential: c.digest, Route: listJobs}
			take(t, l, r).Done(http.StatusUnauthorized, h)
			if _, known := l.Quota(r.Credential, r.Route); known != c.known {
				t.Errorf("of %x a quota is known: %v", c.digest[:1], known)
			}
		}
	})
}
