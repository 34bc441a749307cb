package once

import (
	"testing"
	"time"
)

// TestProof proves that a refusal is told to nobody with another proof than the one that
// GitLab refused: his own write is done. A success, and what is not known, are for all of
// the owner's.
func TestProof(t *testing.T) {
	for name, c := range map[string]struct {
		first error
		runs  int
		want  result
	}{
		"refused":     {errRefused, 2, result{"job 8", false, nil}},
		"not sent":    {errNotSent, 2, result{"job 8", false, nil}},
		"not known":   {errBroken, 1, result{"", true, errBroken}},
		"done before": {nil, 1, result{"job 7", true, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{}, func(t *testing.T, w *world) {
				t.Helper()
				first := w.write("ada", "x", "c", takes(time.Second, "job 7", c.first))
				other := w.write("ada", "x", "c", takes(time.Second, "job 8", nil))
				same := first
				first.Proof, same.Proof, other.Proof = "p", "p", "q"
				w.begin(t.Context(), first)
				waits, others := w.begin(t.Context(), same), w.begin(t.Context(), other)
				w.want(<-others, c.want)
				if r := <-waits; c.first != nil {
					w.want(r, result{"", true, c.first})
				}
				if w.runs != c.runs {
					t.Errorf("%d runs", w.runs)
				}
			})
		})
	}
}
