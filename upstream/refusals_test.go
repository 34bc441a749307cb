package upstream

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// refuser answers with a status of the test's choice.
type refuser struct {
	status int
	asked  []string
}

func (r *refuser) RoundTrip(req *http.Request) (*http.Response, error) {
	r.asked = append(r.asked, req.Header.Get("Private-Token")+req.Header.Get("Sudo"))
	rec := httptest.NewRecorder()
	respond(r.status, "application/json", `{"id":7,"message":"`+http.StatusText(r.status)+`"}`)(rec, req)
	return rec.Result(), nil
}

// TestRefusalsAreRemembered proves that what was refused is not asked for again for a
// second, by that credential, and that nothing else is remembered.
func TestRefusalsAreRemembered(t *testing.T) {
	for status, remembered := range map[int]bool{
		401: true, 403: true, 404: true, 410: true,
		200: false, 400: false, 409: false, 429: false, 500: false,
	} {
		synctest.Test(t, func(t *testing.T) {
			gitlab := &refuser{status: status}
			c, err := New("http://gitlab.test", WithTransport(gitlab), WithCache(0), WithQuota(false))
			if err != nil {
				t.Fatal(err)
			}
			get := func(call *Call) {
				t.Helper()
				_, err := c.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
				if e, ok := errors.AsType[*Error](err); status != 200 && (!ok || e.Status != status) || call.Reply.Status != status {
					t.Fatalf("%d: got %v, %+v", status, err, call.Reply)
				}
				call.Reply.Header.Set("X-Mine", "1")
			}
			get(byToken("a"))
			time.Sleep(999 * time.Millisecond)
			get(byToken("a"))
			if again := len(gitlab.asked) > 1; again == remembered {
				t.Errorf("%d: asked %q", status, gitlab.asked)
			}
			asked := len(gitlab.asked)
			other, sudo := byToken("b"), byToken("a")
			sudo.Credential.Sudo = "root"
			get(other)
			get(sudo)
			if len(gitlab.asked) != asked+2 {
				t.Errorf("%d: what was refused to one was refused to another: asked %q", status, gitlab.asked)
			}
			time.Sleep(time.Millisecond)
			get(byToken("a"))
			if len(gitlab.asked) != asked+3 {
				t.Errorf("%d: remembered for more than a second", status)
			}
		})
	}
}

// TestRefusalsAreBounded proves that those of many callers take no more than their room.
func TestRefusalsAreBounded(t *testing.T) {
	r := &refusals{keep: time.Hour}
	for i := range 3 * mostRefusals {
		r.note(frameKey{byte(i), byte(i >> 8), byte(i >> 16)}, fetched{err: &Error{Kind: Answered, Status: 404}})
	}
	if n := len(r.byKey); n > mostRefusals || n < mostRefusals/2 {
		t.Errorf("%d are remembered", n)
	}
	r.note(frameKey{1: 255, 2: 255, 3: 255}, fetched{err: &Error{Kind: Answered, Status: 404, Body: make([]byte, largestRefusal+1)}})
	if _, ok := r.find(frameKey{1: 255, 2: 255, 3: 255}); ok {
		t.Error("a large answer is remembered")
	}
}
