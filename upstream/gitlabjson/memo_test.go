package gitlabjson

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// A list is byte for byte what its elements are one by one, however much they share:
// parts that are the same, parts that differ in a byte, parts with a residue, parts
// that are taken back, and texts long enough to move what was written.
func TestListsOfLikeElements(t *testing.T) {
	table := TableOf((*jobgatev1.Job)(nil))
	r := rand.New(rand.NewPCG(7, 7))
	var jobs [][]byte
	for _, s := range samples(t) {
		if _, ok := s.message.(*jobgatev1.Job); ok {
			jobs = append(jobs, bytes.TrimSpace(s.json))
		}
	}
	for range 300 {
		var list [][]byte
		base := jobs[r.IntN(len(jobs))]
		for range 1 + r.IntN(8) {
			text := base
			for name, mutate := range mutations {
				if r.IntN(12) == 0 && name != "truncation" {
					text = mutate(r, text)
				}
			}
			if r.IntN(6) == 0 {
				text = insertAfter("{", `"name":"`+string(bytes.Repeat([]byte(`x\n`), 9000))+`",`)(r, base)
			}
			list = append(list, text)
		}
		checkList(t, table, list)
	}
}

func checkList(t *testing.T, table *Table, list [][]byte) {
	t.Helper()
	var want []byte
	good := true
	for _, text := range list {
		wire, err := table.AppendWire(nil, text)
		good = good && err == nil
		want = protowire.AppendBytes(protowire.AppendTag(want, 1, protowire.BytesType), wire)
	}
	text := append(append([]byte("["), bytes.Join(list, []byte(" , "))...), ']')
	got, err := table.AppendWireList(nil, text, 1)
	if (err == nil) != good {
		t.Fatalf("list: %v, but all elements are good: %v\n%s", err, good, text)
	}
	if good && !bytes.Equal(got, want) {
		t.Fatalf("the list differs from its elements\n%s", text)
	}
}

// Members that the contract lacks are counted in each element, also where the
// elements are the same.
func TestLikeElementsAreCountedEach(t *testing.T) {
	count := func() int64 {
		for _, d := range Drifts() {
			if d.Entity == "AllowedAgentsGroup" && d.Member == "counted" {
				return d.Count
			}
		}
		return 0
	}
	before := count()
	text := []byte(`[{"project":{"groups":[{"counted":1}]}},{"project":{"groups":[{"counted":1}]}},{"project":{"groups":[{"counted":1}]}}]`)
	if _, err := TableOf((*jobgatev1.AllowedAgents)(nil)).AppendWireList(nil, text, 1); err != nil {
		t.Fatal(err)
	}
	if n := count() - before; n != 3 {
		t.Errorf("counted %d times, want 3", n)
	}
}
