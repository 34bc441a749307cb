package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/circuit"
)

// TestReadsAreSentAgain proves which failures of a read are tried again, and that no
// failure of a write is.
func TestReadsAreSentAgain(t *testing.T) {
	cut := func() *http.Response {
		resp := answer(200, `{"id":7}`)
		resp.ContentLength = 1000
		return resp
	}
	after := func(seconds string) roundTripper {
		return func(*http.Request) (*http.Response, error) {
			resp := answer(503, "")
			resp.Header.Set("Retry-After", seconds)
			return resp, nil
		}
	}
	for name, c := range map[string]struct {
		first roundTripper
		again bool
		wait  time.Duration // at least
	}{
		"connection broke":        {func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, true, 0},
		"body broke":              {func(*http.Request) (*http.Response, error) { return cut(), nil }, true, 0},
		"502":                     {func(*http.Request) (*http.Response, error) { return answer(502, "<html>"), nil }, true, 0},
		"503":                     {func(*http.Request) (*http.Response, error) { return answer(503, ""), nil }, true, 0},
		"503, asks for a second":  {after("1"), true, time.Second},
		"503, asks for a minute":  {after("60"), false, 0},
		"504":                     {func(*http.Request) (*http.Response, error) { return answer(504, ""), nil }, true, 0},
		"500":                     {func(*http.Request) (*http.Response, error) { return answer(500, `{"message":"500"}`), nil }, false, 0},
		"404":                     {func(*http.Request) (*http.Response, error) { return answer(404, `{"message":"404 Not found"}`), nil }, false, 0},
		"429":                     {func(*http.Request) (*http.Response, error) { return answer(429, "Retry later\n"), nil }, false, 0},
		"not what the API has":    {func(*http.Request) (*http.Response, error) { return answer(200, `[`), nil }, false, 0},
		"our own time for a call": {hanging, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				client := functionClient(t, func(req *http.Request) (*http.Response, error) {
					sent++
					if sent == 1 {
						return c.first(req)
					}
					return answer(200, `{"id":7}`), nil
				})
				begun := time.Now()
				job, err := client.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
				switch {
				case c.again && (err != nil || parsed(job).GetId() != 7 || sent != 2 || time.Since(begun) < c.wait):
					t.Errorf("sent %d times in %v: %v, %v", sent, time.Since(begun), job, err)
				case !c.again && (err == nil || sent != 1):
					t.Errorf("sent %d times: %v", sent, err)
				}
				sent = 0
				if _, err := client.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "1", JobId: 7}); err == nil || sent != 1 {
					t.Errorf("a write was sent %d times: %v", sent, err)
				}
			})
		})
	}
}

// TestReadsEndWithTheirDeadline proves that attempts, and the waits between them, end with
// the caller.
func TestReadsEndWithTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := functionClient(t, func(req *http.Request) (*http.Response, error) {
			if !pause(req.Context(), 100*time.Millisecond) {
				return nil, req.Context().Err()
			}
			return answer(502, ""), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 190*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := client.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
		if took := time.Since(begun); err == nil || took > 190*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// TestDeadGitLabIsLeftAlone proves that calls to a GitLab that does not answer are not
// sent, say so at once and for how long, also writes, and that it is found again.
func TestDeadGitLabIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		dead, sent := true, 0
		client := functionClient(t, func(*http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			sent++
			if dead {
				return nil, io.ErrUnexpectedEOF
			}
			return answer(200, `{"id":7}`), nil
		}, WithNegativeCache(0))
		get := func() error {
			_, err := client.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
			return err
		}
		for range 100 {
			_ = get()
			time.Sleep(50 * time.Millisecond)
		}
		before := sent
		refused := 0
		for range 600 { // a minute
			begun := time.Now()
			err := get()
			if open, ok := errors.AsType[*circuit.OpenError](err); ok {
				e := wantError(t, err, NotSent)
				refused++
				if e.RetryAfter <= 0 || e.RetryAfter > 20*time.Second || time.Since(begun) > 0 || open.Name != "gitlab (get job)" {
					t.Fatalf("after %v: %v, again in %v", time.Since(begun), err, e.RetryAfter)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if refused < 550 || sent-before > 40 {
			t.Errorf("%d refused, %d sent", refused, sent-before)
		}
		if h := client.Health(); !h.Down || !strings.Contains(h.Reason, "get job") {
			t.Errorf("health %+v", h)
		}
		mu.Lock()
		dead = false
		mu.Unlock()
		for i := 0; get() != nil; i++ {
			if i > 120 {
				t.Fatal("not found again within 12 seconds")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if h := client.Health(); h.Down {
			t.Errorf("health %+v", h)
		}
	})
}

// TestSlowRouteLeavesTheOthersAlone proves that calls which take long keep only a part of
// the room, and that what has no room is told so and not sent.
func TestSlowRouteLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		underWay, most := 0, 0
		client := functionClient(t, func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/retry") {
				mu.Lock()
				underWay++
				most = max(most, underWay)
				mu.Unlock()
				time.Sleep(20 * time.Second)
				mu.Lock()
				underWay--
				mu.Unlock()
			}
			return answer(200, `{"id":7}`), nil
		}, WithConcurrency(10), WithQuota(false))
		var wg sync.WaitGroup
		limited := 0
		for range 100 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				_, err := client.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: "1", JobId: 7})
				if e, ok := errors.AsType[*Error](err); ok && e.Kind == Limited {
					mu.Lock()
					limited++
					mu.Unlock()
					if !e.Write || e.RetryAfter < time.Second {
						t.Errorf("got %+v", e)
					}
				}
			})
		}
		synctest.Wait()
		begun := time.Now()
		for range 50 {
			if _, err := client.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "1", JobId: 7}); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("others took %v", took)
		}
		wg.Wait()
		if most != 5 || limited != 100-5-40 {
			t.Errorf("%d under way, %d refused", most, limited)
		}
	})
}
