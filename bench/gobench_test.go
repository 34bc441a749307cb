package main

import "testing"

// TestParseBenchmarks reads two repetitions of one benchmark among other lines.
func TestParseBenchmarks(t *testing.T) {
	results := map[string]*benchResult{}
	parseBenchmarks([]byte(`goos: linux
BenchmarkLink/rest/tcp-2 	  10	 200 ns/op	 150 cpu-ns/op	 64 B/op	 3 allocs/op
BenchmarkOther/rest/tcp-2 	  10	 999 ns/op
BenchmarkLink/rest/tcp-2 	  10	 300 ns/op	 250 cpu-ns/op	 64 B/op	 4 allocs/op
`), "BenchmarkLink/", results)
	got := results["rest/tcp"]
	if len(results) != 1 || got == nil || median(got.ns) != 250 || median(got.cpu) != 200 || median(got.allocs) != 3.5 {
		t.Errorf("got %+v", got)
	}
}

// TestJudge tells targets and goals that are met and missed.
func TestJudge(t *testing.T) {
	r := row{targets: map[string]float64{"a": 2, "b": 2}, goals: map[string]float64{"a": 1}}
	for _, test := range []struct {
		peer            string
		ratio           float64
		target, verdict string
	}{
		{"a", 1, "≤ 2.00, goal 1.00", "goal met"},
		{"a", 1.5, "≤ 2.00, goal 1.00", "met"},
		{"a", 2.5, "≤ 2.00, goal 1.00", "MISSED"},
		{"b", 1, "≤ 2.00", "met"},
		{"c", 9, "", ""},
	} {
		if target, verdict := r.judge(test.peer, test.ratio); target != test.target || verdict != test.verdict {
			t.Errorf("%s at %v: %q %q", test.peer, test.ratio, target, verdict)
		}
	}
}
