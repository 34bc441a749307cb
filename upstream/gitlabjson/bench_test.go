package gitlabjson

import (
	"bytes"
	"os"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// pageOfJobs is a list of 100 current jobs in GitLab's JSON.
func pageOfJobs(t testing.TB) []byte {
	t.Helper()
	job, err := os.ReadFile("testdata/current/job_success.json")
	if err != nil {
		t.Fatal(err)
	}
	// GitLab sends no white space.
	table := TableOf((*jobgatev1.Job)(nil))
	wire, err := table.AppendWire(nil, job)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := table.AppendJSON(nil, wire)
	if err != nil {
		t.Fatal(err)
	}
	return append(append([]byte("["), bytes.Join(repeat(compact, 100), []byte(","))...), ']')
}

func repeat(b []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = b
	}
	return all
}

func TestPageTakesFewAllocations(t *testing.T) {
	page := pageOfJobs(t)
	table := TableOf((*jobgatev1.Job)(nil))
	n := testing.AllocsPerRun(20, func() {
		if _, err := table.AppendWireList(make([]byte, 0, len(page)), page, 1); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations per page, want at most 2", n)
	}
}

func BenchmarkDecode100(b *testing.B) {
	page := pageOfJobs(b)
	table := TableOf((*jobgatev1.Job)(nil))
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.AppendWireList(make([]byte, 0, len(page)*3/4), page, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSONList(b *testing.B) {
	for _, p := range pages {
		wire, text := p.list(b)
		dst := make([]byte, 0, len(text))
		b.Run(p.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jobTable.AppendJSONList(dst, wire, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppendJSON writes the same jobs one by one.
func BenchmarkAppendJSON(b *testing.B) {
	for _, p := range pages {
		_, text := p.list(b)
		jobs := p.jobs(b)
		dst := make([]byte, 0, len(text))
		b.Run(p.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				for _, wire := range jobs {
					if _, err := jobTable.AppendJSON(dst, wire); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkProtojson100 is what the codec is compared with: the same jobs in
// protojson's own spelling.
func BenchmarkProtojson100(b *testing.B) {
	wire, err := TableOf((*jobgatev1.Job)(nil)).AppendWireList(nil, pageOfJobs(b), 1)
	if err != nil {
		b.Fatal(err)
	}
	var page jobgatev1.ListProjectJobsResponse
	if err := proto.Unmarshal(wire, &page); err != nil {
		b.Fatal(err)
	}
	text, err := protojson.Marshal(&page)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := protojson.Unmarshal(text, &jobgatev1.ListProjectJobsResponse{}); err != nil {
			b.Fatal(err)
		}
	}
}
