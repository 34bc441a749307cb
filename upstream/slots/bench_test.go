package slots

import "testing"

func TestAcquireTakesOneAllocation(t *testing.T) {
	l, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(1000, func() {
		s, err := l.Acquire(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		s.Release()
	})
	if n > 1 {
		t.Errorf("%v allocations per call, want at most 1", n)
	}
}

func BenchmarkAcquire(b *testing.B) {
	l, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := l.Acquire(b.Context(), "/projects/:id/jobs")
		if err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
}

func BenchmarkContended(b *testing.B) {
	l, err := New(Config{Slots: 2, Queue: 1000, Share: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(50)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s, err := l.Acquire(b.Context(), "a")
			if err != nil {
				b.Fatal(err)
			}
			s.Release()
		}
	})
}
