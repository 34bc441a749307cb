package server

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// Whatever mixture of typed and wire-backed a message is, any protobuf reader gets
// the same as from the usual marshaler, and the message is left as it was.
func TestCodecSendsWhatProtobufWould(t *testing.T) {
	large := wireOf(t, &jobgatev1.ListProjectJobsResponse{Jobs: []*jobgatev1.Job{{Id: 7, Name: string(bytes.Repeat([]byte("x"), 5000))}}})
	small := wireOf(t, &jobgatev1.ListProjectJobsResponse{Jobs: []*jobgatev1.Job{{Id: 8}}})
	cases := map[string]*jobgatev1.ListProjectJobsResponse{
		"empty":                {},
		"typed":                {NextPageToken: "t", Jobs: []*jobgatev1.Job{{Id: 1}}},
		"typed, large":         {NextPageToken: string(bytes.Repeat([]byte("t"), 5000))},
		"wire-backed, small":   backed(&jobgatev1.ListProjectJobsResponse{}, small),
		"wire-backed, large":   backed(&jobgatev1.ListProjectJobsResponse{}, large),
		"both, small":          backed(&jobgatev1.ListProjectJobsResponse{NextPageToken: "t"}, small),
		"both, large":          backed(&jobgatev1.ListProjectJobsResponse{NextPageToken: "t"}, large),
		"both with like field": backed(&jobgatev1.ListProjectJobsResponse{Jobs: []*jobgatev1.Job{{Id: 3}}}, large),
	}
	c := codec{new(bufferPool)}
	for name, m := range cases {
		t.Run(name, func(t *testing.T) {
			want := wireOf(t, m)
			data, err := c.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got := data.Materialize()
			var a, b jobgatev1.ListProjectJobsResponse
			if err := proto.Unmarshal(got, &a); err != nil {
				t.Fatal(err)
			}
			if err := proto.Unmarshal(want, &b); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(&a, &b) {
				t.Errorf("got %v, want %v", &a, &b)
			}
			if !bytes.Equal(wireOf(t, m), want) {
				t.Error("the message was changed")
			}
			var back jobgatev1.ListProjectJobsResponse
			if err := c.Unmarshal(data, &back); err != nil || !proto.Equal(&back, &b) {
				t.Errorf("Unmarshal: %v, %v", &back, err)
			}
			data.Free()
		})
	}
	if _, err := c.Marshal("text"); err == nil {
		t.Error("a text was marshaled")
	}
	if err := c.Unmarshal(mem.BufferSlice{}, 5); err == nil {
		t.Error("a number was unmarshaled")
	}
}

func backed(m *jobgatev1.ListProjectJobsResponse, wire []byte) *jobgatev1.ListProjectJobsResponse {
	m.ProtoReflect().SetUnknown(wire)
	return m
}

func wireOf(t *testing.T, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}
