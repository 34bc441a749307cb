package main

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/bench/payload"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
)

// jobsField is the number of ListProjectJobsResponse.jobs.
const jobsField protowire.Number = 1

// page is the same jobs in every form that a benchmark starts from.
type page struct {
	gitlab    []byte   // a page as GitLab sends it
	jobs      [][]byte // its jobs, one by one
	wire      [][]byte // the same as protobuf
	message   *jobgatev1.ListProjectJobsResponse
	protojson []byte // the page in protojson's own spelling
}

// newPage decodes a page of v once and spells it in every form.
func newPage(tb testing.TB, v payload.Variant) page {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
	}
	p := page{message: new(jobgatev1.ListProjectJobsResponse)}
	var err error
	p.gitlab, err = v.List(codecPage)
	must(err)
	table := gitlabjson.TableOf(&jobgatev1.Job{})
	wire, err := table.AppendWireList(nil, p.gitlab, jobsField)
	must(err)
	must(proto.Unmarshal(wire, p.message))
	if got := len(p.message.GetJobs()); got != codecPage {
		tb.Fatalf("%d jobs, want %d", got, codecPage)
	}
	p.protojson, err = protojson.Marshal(p.message)
	must(err)
	var raw []json.RawMessage
	must(json.Unmarshal(p.gitlab, &raw))
	for _, job := range raw {
		wire, err := table.AppendWire(nil, job)
		must(err)
		p.jobs, p.wire = append(p.jobs, job), append(p.wire, wire)
	}
	return p
}

// BenchmarkCodec compares the gateway's codec with protojson on the same jobs.
// protojson reads its own spelling, as it cannot read GitLab's: words, times and
// numbers come to it already as it wants them.
func BenchmarkCodec(b *testing.B) {
	table := gitlabjson.TableOf(&jobgatev1.Job{})
	for _, v := range payload.Variants {
		p := newPage(b, v)
		bench := func(name string, size int, one func() error) {
			b.Run(v.Name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					if err := one(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		buf := make([]byte, 0, 2*len(p.gitlab))
		bench("list", len(p.gitlab), func() error {
			_, err := table.AppendWireList(buf[:0], p.gitlab, jobsField)
			return err
		})
		bench("jobs", len(p.gitlab), func() error {
			for _, job := range p.jobs {
				if _, err := table.AppendWire(buf[:0], job); err != nil {
					return err
				}
			}
			return nil
		})
		bench("encode", len(p.gitlab), func() error {
			for _, wire := range p.wire {
				if _, err := table.AppendJSON(buf[:0], wire); err != nil {
					return err
				}
			}
			return nil
		})
		bench("protojson", len(p.protojson), func() error {
			return protojson.Unmarshal(p.protojson, new(jobgatev1.ListProjectJobsResponse))
		})
		bench("protojson-encode", len(p.protojson), func() error {
			_, err := protojson.MarshalOptions{}.MarshalAppend(buf[:0], p.message)
			return err
		})
	}
}
