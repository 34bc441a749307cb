package sandbox_test

import (
	"testing"
)

// The cost of a page of a hundred jobs, to be taken off what is measured in front of the sandbox.
func BenchmarkHundredJobs(b *testing.B) {
	sb, _ := newBox()
	b.ReportAllocs()
	for b.Loop() {
		send(sb, "GET", widgets+"/jobs?per_page=100", maintainer)
	}
}
