package once

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jobgate/jobgate/upstream"
)

// TestFateOf proves that only what shows that nothing happened lets a write be sent again.
func TestFateOf(t *testing.T) {
	answered := func(status int) error { return &upstream.Error{Kind: upstream.Answered, Write: true, Status: status} }
	kind := func(k upstream.Kind) error { return &upstream.Error{Kind: k, Write: true, Status: 201} }
	for fate, all := range map[Fate][]error{
		Undone: {
			kind(upstream.NotSent), kind(upstream.Invalid), kind(upstream.Redirected),
			fmt.Errorf("wrapped: %w", kind(upstream.NotSent)),
			answered(400), answered(401), answered(403), answered(404), answered(405), answered(409),
			answered(413), answered(414), answered(422), answered(429), answered(431),
		},
		Unknown: {
			kind(upstream.Interrupted), kind(upstream.Malformed), kind(upstream.TooLarge), kind(0), kind(99),
			answered(408), answered(499), answered(500), answered(502), answered(503), answered(504), answered(0), answered(200),
			errors.New("of another kind"), context.Canceled, context.DeadlineExceeded, &PanicError{},
		},
	} {
		for _, err := range all {
			if got := FateOf(err); got != fate {
				t.Errorf("%v (%+v): %d, want %d", err, err, got, fate)
			}
		}
	}
}
