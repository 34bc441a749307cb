package server

import (
	"context"
	"net/http"
	"testing"

	"github.com/jobgate/jobgate/server/once"
	"github.com/jobgate/jobgate/upstream"
)

// What a request id makes a write come to is told over REST by a status that fits.
func TestHTTPStatusOfRequestIDs(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{once.ErrNotKept, http.StatusConflict},
		{once.ErrUnknown, http.StatusBadGateway},
		{once.ErrConflict, http.StatusBadRequest},
		{once.ErrClosed, http.StatusServiceUnavailable},
		{&once.FullError{Scope: once.Each}, http.StatusTooManyRequests},
		{&once.PendingError{Err: context.DeadlineExceeded}, http.StatusBadGateway},
		{&once.PanicError{}, http.StatusBadGateway},
		{&once.UnconfirmedError{Err: &upstream.Error{Kind: upstream.Interrupted}}, http.StatusBadGateway},
	} {
		call := newCall(t.Context(), "", nil)
		if got := statusOf(t.Context(), call, c.err).failure(call, c.err); got.Status != c.status {
			t.Errorf("%v: %d %s, want %d", c.err, got.Status, got.Reason, c.status)
		}
	}
}
