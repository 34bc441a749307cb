package quota

import (
	"context"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// BenchmarkWait is a call that need not wait, with headers.
func BenchmarkWait(b *testing.B) {
	l := newLimiter(b, Config{})
	r := Request{Credential: [32]byte{1}, Route: listJobs, Caller: "a"}
	h := tell(1<<40, 1)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		t, err := l.Wait(ctx, r)
		if err != nil {
			b.Fatal(err)
		}
		t.Done(http.StatusOK, h)
	}
}

// BenchmarkWaitParallel is the same by many.
func BenchmarkWaitParallel(b *testing.B) {
	l := newLimiter(b, Config{})
	h := tell(1<<40, 1)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		r := Request{Credential: [32]byte{byte(rand.N(200))}, Route: listJobs, Caller: "a"}
		for p.Next() {
			t, err := l.Wait(b.Context(), r)
			if err != nil {
				b.Fatal(err)
			}
			t.Done(http.StatusOK, h)
		}
	})
}
