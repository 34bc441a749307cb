package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// flightWorld is a GitLab, in a bubble, that answers each read of a job after a second
// with the token that it was asked with.
type flightWorld struct {
	client *Client
	mu     sync.Mutex
	asked  []string
	ended  int // requests that the client gave up
}

func (w *flightWorld) RoundTrip(req *http.Request) (*http.Response, error) {
	token := req.Header.Get("Private-Token")
	w.mu.Lock()
	w.asked = append(w.asked, req.Method+" "+token+" "+req.Header.Get("Sudo")+" "+req.URL.Path)
	w.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-req.Context().Done():
		w.mu.Lock()
		w.ended++
		w.mu.Unlock()
		return nil, req.Context().Err()
	}
	rec := httptest.NewRecorder()
	respond(200, "application/json", `{"id":7,"name":"`+token+`"}`)(rec, req)
	return rec.Result(), nil
}

func inFlight(t *testing.T, run func(t *testing.T, w *flightWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &flightWorld{}
		var err error
		if w.client, err = New("http://gitlab.test", WithTransport(w)); err != nil {
			t.Fatal(err)
		}
		run(t, w)
	})
}

// get reads a job, and tells how that came out.
func (w *flightWorld) get(ctx context.Context, call *Call) (name string, err error) {
	job, err := w.client.GetJob(WithCall(ctx, call), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
	if err != nil {
		return "", err
	}
	read := new(jobgatev1.Job)
	err = proto.Unmarshal(job.ProtoReflect().GetUnknown(), read)
	return read.GetName(), err
}

func byToken(token string) *Call { return &Call{Credential: Credential{PrivateToken: token}} }

// TestEqualReadsShareACall proves that many callers with one credential cost one call, and
// that each has an answer of its own.
func TestEqualReadsShareACall(t *testing.T) {
	inFlight(t, func(t *testing.T, w *flightWorld) {
		t.Helper()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				call := byToken("a")
				name, err := w.get(t.Context(), call)
				if name != "a" || err != nil || call.Reply.Status != 200 || call.Lease != nil {
					t.Errorf("got %q, %v, %+v", name, err, call.Reply)
				}
				call.Reply.Header.Set("X-Mine", "1") // with the race detector
			})
		}
		wg.Wait()
		if len(w.asked) != 1 || w.client.flights.count() != 49 {
			t.Errorf("GitLab was asked %d times", len(w.asked))
		}
		call := byToken("a")
		if name, err := w.get(t.Context(), call); name != "a" || err != nil || call.Lease == nil || len(w.asked) != 2 {
			t.Errorf("later: got %q, %v; asked %d times", name, err, len(w.asked))
		}
	})
}

// TestOtherReadsShareNothing proves that reads which differ in who asks, or as whom, or
// with which headers, and writes, are sent for each.
func TestOtherReadsShareNothing(t *testing.T) {
	inFlight(t, func(t *testing.T, w *flightWorld) {
		t.Helper()
		sudo, header := byToken("a"), byToken("a")
		sudo.Credential.Sudo = "root"
		header.Forward = http.Header{"X-Gitlab-Odd": {"1"}}
		calls := []*Call{byToken("a"), byToken("b"), sudo, header, {}}
		var wg sync.WaitGroup
		for _, call := range calls {
			wg.Go(func() {
				if name, err := w.get(t.Context(), call); name != call.Credential.PrivateToken || err != nil {
					t.Errorf("%v got %q, %v", call.Credential, name, err)
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				_, err := w.client.RetryJob(WithCall(t.Context(), byToken("a")), &jobgatev1.RetryJobRequest{Project: "1", JobId: 7})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(w.asked) != len(calls)+2 {
			t.Errorf("asked %q", w.asked)
		}
	})
}

// TestWhoLeavesHurtsNobody proves that a call belongs to all who wait for it: it outlives
// the one who began it, and ends with the last.
func TestWhoLeavesHurtsNobody(t *testing.T) {
	inFlight(t, func(t *testing.T, w *flightWorld) {
		t.Helper()
		first, leave := context.WithCancel(t.Context())
		hasty, done := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer done()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := w.get(first, byToken("a")); !errors.Is(err, context.Canceled) {
				t.Errorf("the first ended with %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := w.get(hasty, byToken("a")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the hasty one ended with %v", err)
			}
		})
		wg.Go(func() {
			if name, err := w.get(t.Context(), byToken("a")); name != "a" || err != nil {
				t.Errorf("the patient one got %q, %v", name, err)
			}
		})
		synctest.Wait()
		leave()
		wg.Wait()
		if len(w.asked) != 1 || w.ended != 0 {
			t.Errorf("asked %d times, %d given up", len(w.asked), w.ended)
		}
		alone, leave := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer leave()
		begun := time.Now()
		if _, err := w.get(alone, byToken("a")); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 500*time.Millisecond {
			t.Errorf("alone: %v after %v", err, time.Since(begun))
		}
		synctest.Wait()
		if w.ended != 1 {
			t.Error("the call goes on although nobody waits")
		}
		if name, err := w.get(t.Context(), byToken("a")); name != "a" || err != nil {
			t.Errorf("then: got %q, %v", name, err)
		}
	})
}

// TestReadAfterAWriteIsNew proves that a read which begins after a write of ours has ended
// joins none that began before it, nor hears what was refused before.
func TestReadAfterAWriteIsNew(t *testing.T) {
	inFlight(t, func(t *testing.T, w *flightWorld) {
		t.Helper()
		var wg sync.WaitGroup
		get := func() {
			if _, err := w.get(t.Context(), byToken("a")); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Second)
		write := func() {
			_, err := w.client.RetryJob(WithCall(t.Context(), byToken("a")), &jobgatev1.RetryJobRequest{Project: "1", JobId: 7})
			if err != nil {
				t.Error(err)
			}
		}
		wg.Go(write) // a second
		time.Sleep(500 * time.Millisecond)
		wg.Go(get)
		time.Sleep(600 * time.Millisecond) // the write is over, the read is not
		wg.Go(get)
		wg.Wait()
		if len(w.asked) != 3 {
			t.Errorf("asked %q", w.asked)
		}
		w.client.refusals.note(frameKey{1}, fetched{err: &Error{Kind: Answered, Status: 404}})
		write()
		if _, ok := w.client.refusals.find(frameKey{1}); ok {
			t.Error("a refusal has outlived a write")
		}
	})
}
