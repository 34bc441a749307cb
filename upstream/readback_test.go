package upstream

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// TestLostAnswersAreReadBack proves which lost answers of a write are made good by reading
// the job, and that the write is sent once whatever happens.
func TestLostAnswersAreReadBack(t *testing.T) {
	const layout = "2006-01-02T15:04:05.000Z"
	broken := errors.New("connection reset by peer")
	for name, c := range map[string]struct {
		erase    bool
		lost     error         // of the write; else its status
		status   int           // of the write
		job      string        // its status when it is read
		at       time.Duration // when it was canceled or erased, from when the write was sent
		ahead    time.Duration // of GitLab's clock
		failures int           // reads that fail first
		reads    int           // that are expected
		answered bool
	}{
		"canceled":                    {lost: broken, job: "canceled", at: time.Second, reads: 1, answered: true},
		"canceled, clock ahead":       {lost: broken, job: "canceled", at: time.Second, ahead: time.Hour, reads: 1, answered: true},
		"canceled, clock behind":      {lost: broken, job: "canceled", at: time.Second, ahead: -time.Hour, reads: 1, answered: true},
		"canceled, 502":               {status: 502, job: "canceled", at: 0, reads: 1, answered: true},
		"canceled, read again":        {lost: broken, job: "canceled", at: time.Second, failures: 1, reads: 2, answered: true},
		"canceled before":             {lost: broken, job: "canceled", at: -time.Minute, reads: 2},
		"canceled before, clock back": {lost: broken, job: "canceled", at: -time.Minute, ahead: -time.Hour, reads: 2},
		"being canceled":              {lost: broken, job: "canceling", at: time.Second, reads: 2},
		"ended otherwise":             {lost: broken, job: "success", at: time.Second, reads: 2},
		"runs":                        {lost: broken, job: "running", reads: 2},
		"cannot be read":              {lost: broken, job: "canceled", failures: 9, reads: 2},
		"erased":                      {erase: true, lost: broken, job: "success", at: time.Second, reads: 1, answered: true},
		"erased before":               {erase: true, lost: broken, job: "success", at: -time.Hour, reads: 2},
		"refused":                     {status: 403, job: "canceled", at: time.Second},
		"failed":                      {status: 500, job: "canceled", at: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				writes, reads := 0, 0
				sent := time.Now()
				client := functionClient(t, func(req *http.Request) (*http.Response, error) {
					if req.Method == http.MethodPost {
						writes++
						if c.lost != nil {
							time.Sleep(2 * time.Second)
							return nil, c.lost
						}
						return answer(c.status, `{"message":"no"}`), nil
					}
					reads++
					if reads <= c.failures {
						return nil, io.ErrUnexpectedEOF
					}
					at := sent.Add(c.at + c.ahead).UTC().Format(layout)
					resp := answer(200, `{"id":7,"status":"`+c.job+`","finished_at":"`+at+`","erased_at":"`+at+`"}`)
					resp.Header.Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
					return resp, nil
				}, WithAttempts(1))
				call := byToken("a")
				ctx := WithCall(t.Context(), call)
				var job *jobgatev1.Job
				var err error
				if c.erase {
					job, err = client.EraseJob(ctx, &jobgatev1.EraseJobRequest{Project: "1", JobId: 7})
				} else {
					job, err = client.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "1", JobId: 7})
				}
				switch {
				case c.answered && (err != nil || parsed(job).GetId() != 7 || call.Reply.Status != 201):
					t.Errorf("got %v, %v, status %d", job, err, call.Reply.Status)
				case !c.answered && err == nil:
					t.Errorf("got %v", parsed(job))
				case !c.answered && c.lost != nil && !outcomeUnknown(err):
					t.Errorf("%v does not say that the outcome is unknown", err)
				}
				if writes != 1 || reads != c.reads {
					t.Errorf("written %d times, read %d times", writes, reads)
				}
			})
		})
	}
}

// TestNewJobsAreNotReadBack proves that a lost answer to a retry or play stays lost: whose
// job a new one is cannot be told.
func TestNewJobsAreNotReadBack(t *testing.T) {
	asked := 0
	client := functionClient(t, func(*http.Request) (*http.Response, error) {
		asked++
		return nil, io.ErrUnexpectedEOF
	})
	_, retried := client.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "1", JobId: 7})
	_, played := client.PlayJob(t.Context(), &jobgatev1.PlayJobRequest{Project: "1", JobId: 7})
	if !outcomeUnknown(retried) || !outcomeUnknown(played) || asked != 2 {
		t.Errorf("%v; %v; asked %d times", retried, played, asked)
	}
}
