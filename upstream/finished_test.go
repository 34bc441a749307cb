package upstream

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// finishedWorld is a GitLab, in a bubble, whose jobs have one status. It confirms what it
// has sent.
type finishedWorld struct {
	t      *testing.T
	client *Client
	status string
	refuse int // instead of an answer, unless 0
	asked  int
}

func (w *finishedWorld) RoundTrip(req *http.Request) (*http.Response, error) {
	w.asked++
	etag := `W/"` + w.status + `"`
	var resp *http.Response
	switch {
	case w.refuse != 0:
		resp = answer(w.refuse, `{"message":"no"}`)
	case req.Header.Get("If-None-Match") == etag:
		resp = answer(http.StatusNotModified, "")
	default:
		resp = answer(http.StatusOK, `{"id":7,"status":"`+w.status+`"}`)
	}
	resp.Header.Set("Etag", etag)
	return resp, nil
}

func (w *finishedWorld) get(call *Call) error {
	w.t.Helper()
	job, err := w.client.GetJob(WithCall(w.t.Context(), call), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
	if err == nil && (parsed(job).GetId() != 7 || call.Reply.Status != http.StatusOK) {
		w.t.Errorf("got %v, %+v", job, call.Reply)
	}
	return err
}

// want gets a job, and proves whether GitLab was asked for it.
func (w *finishedWorld) want(asked bool, call *Call) {
	w.t.Helper()
	before := w.asked
	if err := w.get(call); err != nil {
		w.t.Fatal(err)
	}
	if got := w.asked > before; got != asked {
		w.t.Errorf("asked: %v, want %v", got, asked)
	}
}

func withFinished(t *testing.T, status string, keep time.Duration, test func(w *finishedWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &finishedWorld{t: t, status: status}
		w.client = functionClient(t, w.RoundTrip, WithFinishedJobs(keep), WithNegativeCache(0))
		w.want(true, byToken("a"))
		w.want(true, byToken("a")) // now it is kept
		test(w)
	})
}

// TestFinishedJobsAreAnswered proves of which jobs GitLab is not asked for a while, and
// that it is for all others, and with the setting off.
func TestFinishedJobsAreAnswered(t *testing.T) {
	for status, over := range map[string]bool{
		"success": true, "failed": true, "canceled": true, "skipped": true,
		"created": false, "pending": false, "running": false, "canceling": false, "manual": false, "scheduled": false, "new in 2030": false,
	} {
		withFinished(t, status, 10*time.Second, func(w *finishedWorld) { w.want(!over, byToken("a")) })
		withFinished(t, status, 0, func(w *finishedWorld) { w.want(true, byToken("a")) })
	}
}

// TestFinishedJobsAreAskedForAgain proves that no answer is given longer than the interval
// after GitLab has said yes, counted from when it was asked, nor to anybody else.
func TestFinishedJobsAreAskedForAgain(t *testing.T) {
	withFinished(t, "success", 10*time.Second, func(w *finishedWorld) {
		for range 3 {
			time.Sleep(9 * time.Second)
			call := byToken("a")
			w.want(false, call)
			if age := call.Reply.Header.Get("Age"); age != "9" || call.Frame == nil {
				w.t.Errorf("the answer is %q seconds old", age)
			}
			call.Reply.Header.Set("X-Mine", "1")
			time.Sleep(time.Second)
			w.want(true, byToken("a"))
		}
		sudo := byToken("a")
		sudo.Credential.Sudo = "root"
		w.want(true, sudo)
		w.want(true, byToken("b"))
		fresh := byToken("a")
		fresh.Fresh = true
		w.want(true, fresh)
		w.refuse = http.StatusUnauthorized
		w.want(false, byToken("a"))
		time.Sleep(10 * time.Second)
		for range 2 {
			if e, ok := errors.AsType[*Error](w.get(byToken("a"))); !ok || e.Status != http.StatusUnauthorized {
				w.t.Errorf("got %v", e)
			}
		}
		if s := w.client.CacheStats(); s.Unasked != 4 {
			w.t.Errorf("%+v", s)
		}
	})
}

// TestFinishedJobsAreWritten proves that a job is asked for after a write, and what was
// asked for while the write was under way counts for nothing.
func TestFinishedJobsAreWritten(t *testing.T) {
	withFinished(t, "failed", time.Minute, func(w *finishedWorld) {
		w.want(false, byToken("a"))
		w.refuse = http.StatusForbidden
		_, err := w.client.EraseJob(WithCall(w.t.Context(), byToken("b")), &jobgatev1.EraseJobRequest{Project: "1", JobId: 7})
		if err == nil {
			w.t.Error("no error")
		}
		w.refuse = 0
		time.Sleep(time.Millisecond)
		w.want(true, byToken("a"))
		w.want(false, byToken("a"))
	})
	withFinished(t, "failed", time.Minute, func(w *finishedWorld) {
		w.client.finished.written() // a write begins
		time.Sleep(time.Millisecond)
		w.want(true, byToken("a"))
		time.Sleep(time.Millisecond)
		w.client.finished.written() // and ends
		w.want(true, byToken("a"))
	})
}
