package quota

import (
	"net/http"
	"testing"
	"time"
)

// FuzzDone proves that no header of an answer makes the limiter panic, forget what is in
// flight, or hold calls back for longer than a day and a bit.
func FuzzDone(f *testing.F) {
	f.Add(429, "60", "600", "601", "0", "1700000000", "throttle_authenticated_api", "Tue, 14 Nov 2023 22:13:20 GMT", "text/plain")
	f.Add(200, "", "-1", "99999999999999999999", "x", "0", "", "", "application/json")
	f.Add(429, "Fri, 31 Dec 9999 23:59:59 GMT", "1", "", "", "9223372036854775807", "", "yesterday", "")
	f.Fuzz(func(t *testing.T, status int, after, limit, observed, remaining, reset, name, date, kind string) {
		defer time.AfterFunc(10*time.Second, func() { panic("it hangs") }).Stop()
		l, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{
			"Retry-After": {after}, "Ratelimit-Limit": {limit}, "Ratelimit-Observed": {observed}, "Ratelimit-Remaining": {remaining},
			"Ratelimit-Reset": {reset}, "Ratelimit-Name": {name}, "Date": {date}, "Content-Type": {kind},
		}
		r := Request{Credential: [32]byte{1}, Route: "get job"}
		ticket, err := l.Wait(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		ticket.Done(status, h)
		ticket.Done(status, h)
		if s := l.Stats(); s.InFlight != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		if q, ok := l.Quota(r.Credential, r.Route); ok && (q.Limit < 0 || time.Until(q.Reset) > 25*time.Hour) {
			t.Errorf("%+v", q)
		}
	})
}
