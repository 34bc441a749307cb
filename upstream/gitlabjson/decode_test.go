package gitlabjson

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

func decode(t *testing.T, text string) *jobgatev1.Job {
	t.Helper()
	wire, err := TableOf((*jobgatev1.Job)(nil)).AppendWire(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var job jobgatev1.Job
	if err := proto.Unmarshal(wire, &job); err != nil {
		t.Fatal(err)
	}
	job.Absent = nil
	return &job
}

func TestFieldsAndResidue(t *testing.T) {
	moment := timestamppb.New(time.Date(2026, 3, 4, 10, 22, 40, 180e6, time.UTC))
	success := jobgatev1.JobStatus_JOB_STATUS_SUCCESS
	cases := map[string]struct {
		json string
		want *jobgatev1.Job
	}{
		"values":                    {`{"id":7,"status":"success","tag":true}`, &jobgatev1.Job{Id: 7, Status: success, Tag: true}},
		"canonical time":            {`{"created_at":"2026-03-04T10:22:40.180Z"}`, &jobgatev1.Job{CreatedAt: moment}},
		"other time, field kept":    {`{"created_at":"2026-03-04T11:22:40.180+01:00"}`, &jobgatev1.Job{CreatedAt: moment, Extra: map[string]string{"created_at": `"2026-03-04T11:22:40.180+01:00"`}}},
		"no time, residue alone":    {`{"created_at":"soon"}`, &jobgatev1.Job{Extra: map[string]string{"created_at": `"soon"`}}},
		"whole duration":            {`{"duration":240}`, &jobgatev1.Job{Duration: proto.Float64(240), Extra: map[string]string{"duration": "240"}}},
		"canonical duration":        {`{"duration":240.0}`, &jobgatev1.Job{Duration: proto.Float64(240)}},
		"unknown word":              {`{"status":"dreaming"}`, &jobgatev1.Job{Extra: map[string]string{"status": `"dreaming"`}}},
		"unknown member":            {`{"new": [1, 2]}`, &jobgatev1.Job{Extra: map[string]string{"new": "[1, 2]"}}},
		"member named extra":        {`{"extra":1}`, &jobgatev1.Job{Extra: map[string]string{"extra": "1"}}},
		"expected null":             {`{"coverage":null,"user":null}`, &jobgatev1.Job{}},
		"unexpected null":           {`{"name":null}`, &jobgatev1.Job{Extra: map[string]string{"name": "null"}}},
		"other type":                {`{"name":5}`, &jobgatev1.Job{Extra: map[string]string{"name": "5"}}},
		"last one wins":             {`{"id":1,"id":2}`, &jobgatev1.Job{Id: 2}},
		"last one wins, unknown":    {`{"x":1,"x":2}`, &jobgatev1.Job{Extra: map[string]string{"x": "2"}}},
		"name that cannot be text":  {`{"\ud800":1}`, &jobgatev1.Job{Extra: map[string]string{`"\ud800"`: "1"}}},
		"unsuited element of a set": {`{"tag_list":["a",1]}`, &jobgatev1.Job{Extra: map[string]string{"tag_list": `["a",1]`}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, decode(t, c.json), protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAbsentNamesAlwaysPresentMembers(t *testing.T) {
	wire, err := TableOf((*jobgatev1.JobProject)(nil)).AppendWire(nil, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	var p jobgatev1.JobProject
	if err := proto.Unmarshal(wire, &p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint32{1}, p.GetAbsent()); diff != "" {
		t.Error(diff)
	}
	var user jobgatev1.User
	wire, _ = TableOf(&user).AppendWire(nil, []byte(`{}`))
	if err := proto.Unmarshal(wire, &user); err != nil {
		t.Fatal(err)
	}
	for _, number := range user.GetAbsent() {
		if name := user.ProtoReflect().Descriptor().Fields().ByNumber(9).Name(); number == 9 {
			t.Errorf("the conditional member %s counts as absent", name)
		}
	}
	if len(user.GetAbsent()) != 21 {
		t.Errorf("absent has %d numbers, want the 21 required by the contract", len(user.GetAbsent()))
	}
}

// A list is as good as its elements one by one.
func TestListEqualsElements(t *testing.T) {
	text, err := os.ReadFile("testdata/current/jobs_list.json")
	if err != nil {
		t.Fatal(err)
	}
	table := TableOf((*jobgatev1.Job)(nil))
	wire, err := table.AppendWireList(nil, text, 1)
	if err != nil {
		t.Fatal(err)
	}
	var page jobgatev1.ListProjectJobsResponse
	if err := proto.Unmarshal(wire, &page); err != nil {
		t.Fatal(err)
	}
	if len(page.GetJobs()) < 2 {
		t.Fatalf("%d jobs", len(page.GetJobs()))
	}
	out, err := table.AppendJSONList(nil, wire, 1)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := canonical(text)
	if got, err := canonical(out); err != nil || got != want {
		t.Errorf("not the identity (%v): %s", err, out)
	}
	for _, bad := range []string{`{}`, `[1]`, `[{},null]`, `[{}`, `[{},]`, `null`, ``} {
		if out, err := table.AppendWireList([]byte("x"), []byte(bad), 1); err == nil || !bytes.Equal(out, []byte("x")) {
			t.Errorf("%s: %q, %v", bad, out, err)
		}
	}
}

func TestHasMember(t *testing.T) {
	cases := map[string]bool{
		`{"a":1,"downstream_pipeline":null}`: true,
		`{"a":{"downstream_pipeline":1}}`:    false,
		`{}`:                                 false,
		`[]`:                                 false,
		`{"a":`:                              false,
		``:                                   false,
	}
	for text, want := range cases {
		if got := HasMember([]byte(text), "downstream_pipeline"); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestDriftsAreCounted(t *testing.T) {
	future := []byte(`{"from_the_future":1,"status":"from_the_future"}`)
	if _, err := TableOf((*jobgatev1.Bridge)(nil)).AppendWire(nil, future); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"from_the_future": false, "status=from_the_future": false}
	for _, d := range Drifts() {
		if _, ok := want[d.Member]; ok && d.Entity == "Bridge" && d.Count > 0 {
			want[d.Member] = true
		}
	}
	for member, seen := range want {
		if !seen {
			t.Errorf("%s was not counted", member)
		}
	}
}
