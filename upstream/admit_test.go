package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/quota"
)

// limitedGitLab takes so many calls in each minute, and tells so or not; contract section 5.
type limitedGitLab struct {
	limit int
	tells bool

	mu      sync.Mutex
	window  int64
	used    int
	taken   int
	refused int
}

func (g *limitedGitLab) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(20 * time.Millisecond)
	g.mu.Lock()
	defer g.mu.Unlock()
	if w := time.Now().Unix() / 60; w != g.window {
		g.window, g.used = w, 0
	}
	g.used++
	resp := answer(200, `{"id":7}`)
	if g.used > g.limit {
		g.refused++
		resp = answer(429, `{"message":{"error":"This endpoint has been requested too many times. Try again later."}}`)
	} else {
		g.taken++
	}
	if g.tells {
		resp.Header.Set("RateLimit-Limit", strconv.Itoa(g.limit))
		resp.Header.Set("RateLimit-Observed", strconv.Itoa(g.used))
		resp.Header.Set("RateLimit-Remaining", strconv.Itoa(max(g.limit-g.used, 0)))
		resp.Header.Set("RateLimit-Reset", strconv.FormatInt((g.window+1)*60, 10))
	}
	return resp, nil
}

// TestQuotaIsKept proves that a load of ten times GitLab's limit causes no refusal where it
// tells the limit, and hardly any where it does not, that the limit is used, and that
// whoever would have to wait for too long is told so at once.
func TestQuotaIsKept(t *testing.T) {
	for name, tells := range map[string]bool{"told": true, "hidden": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const limit, minutes = 60, 12
				g := &limitedGitLab{limit: limit, tells: tells}
				client, err := New("http://gitlab.test", WithTransport(g), WithNegativeCache(0))
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				var mu sync.Mutex
				early, late := 0, time.Duration(0)
				for i := range 10 * limit * minutes {
					time.Sleep(time.Minute / (10 * limit))
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
						defer cancel()
						call := byToken("a")
						call.Caller = fmt.Sprint(i % 4)
						begun := time.Now()
						_, err := client.GetJob(WithCall(ctx, call), &jobgatev1.GetJobRequest{Project: "1", JobId: int64(i + 1)})
						e, ok := errors.AsType[*Error](err)
						if _, limited := errors.AsType[*quota.Exhausted](err); !ok || !limited {
							return
						}
						mu.Lock()
						defer mu.Unlock()
						early++
						late = max(late, time.Since(begun))
						if e.Kind != Limited || e.RetryAfter <= 0 || e.RetryAfter > 2*time.Minute {
							t.Errorf("%v, again in %v", e, e.RetryAfter)
						}
					})
				}
				wg.Wait()
				t.Logf("%d taken of %d, %d refused by GitLab, %d early", g.taken, limit*minutes, g.refused, early)
				most := 0
				if !tells {
					most = 4
				}
				if g.refused > most || g.taken < limit*minutes*85/100 {
					t.Errorf("%d taken of %d, %d refused by GitLab", g.taken, limit*minutes, g.refused)
				}
				if early < 5*limit*minutes || late > 5*time.Second {
					t.Errorf("%d refused early, the last after %v", early, late)
				}
				call := byToken("a")
				time.Sleep(2 * time.Minute)
				if _, err := client.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: "1", JobId: 1}); err != nil || call.Quota == nil ||
					call.Quota.Limit > limit || call.Quota.Limit < limit*8/10 || call.Quota.Remaining <= 0 {
					t.Errorf("%v, quota %+v", err, call.Quota)
				}
			})
		})
	}
}

// TestWaitForQuotaIsNotGitLabs proves that the time which a call waits for its turn does not
// count as GitLab's.
func TestWaitForQuotaIsNotGitLabs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &limitedGitLab{limit: 5, tells: true}
		client, err := New("http://gitlab.test", WithTransport(g), WithTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(time.Unix((time.Now().Unix()/60+1)*60, 0)))
		begun := time.Now()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
				defer cancel()
				if _, err := client.GetJob(WithCall(ctx, byToken("a")), &jobgatev1.GetJobRequest{Project: "1", JobId: int64(i + 1)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(begun); took < time.Minute || took > 70*time.Second || g.refused > 3 { // of those before anything was known
			t.Errorf("took %v, %d refused", took, g.refused)
		}
	})
}
