package circuit

import "testing"

func BenchmarkCall(b *testing.B) {
	breaker, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p, err := breaker.Allow(true)
		if err != nil {
			b.Fatal(err)
		}
		p.Done(Success)
	}
}

func BenchmarkRefusal(b *testing.B) {
	breaker, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for range 20 {
		call(breaker, Failure)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := breaker.Allow(false); err == nil {
			b.Fatal("let through")
		}
	}
}
