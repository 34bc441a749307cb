package upstream

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// reads are all methods that answer JSON, against the sandbox.
var reads = map[string]func(ctx context.Context, c *Client) (proto.Message, Position, error){
	"job": func(ctx context.Context, c *Client) (proto.Message, Position, error) {
		m, err := c.GetJob(ctx, &jobgatev1.GetJobRequest{Project: sandbox.ProjectWidgets, JobId: sandbox.JobSuccess})
		return m, Position{}, err
	},
	"project's jobs": func(ctx context.Context, c *Client) (proto.Message, Position, error) {
		m, to, err := c.ListProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: "1", PageSize: 3, Scope: []jobgatev1.JobStatus{jobgatev1.JobStatus_JOB_STATUS_SUCCESS}}, Position{})
		return m, to, err
	},
	"pipeline's jobs": func(ctx context.Context, c *Client) (proto.Message, Position, error) {
		m, to, err := c.ListPipelineJobs(ctx, &jobgatev1.ListPipelineJobsRequest{Project: "1", PipelineId: sandbox.PipelineMain, PageSize: 1, Scope: []jobgatev1.JobStatus{jobgatev1.JobStatus_JOB_STATUS_SUCCESS}}, Position{})
		return m, to, err
	},
	"bridges": func(ctx context.Context, c *Client) (proto.Message, Position, error) {
		m, to, err := c.ListPipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: sandbox.PipelineMain, PageSize: 1}, Position{})
		return m, to, err
	},
	"agents": func(ctx context.Context, c *Client) (proto.Message, Position, error) {
		CallFrom(ctx).Credential = Credential{JobToken: sandbox.JobTokenRunning}
		m, err := c.GetAllowedAgents(ctx, &jobgatev1.GetAllowedAgentsRequest{})
		return m, Position{}, err
	},
	"token's job": func(ctx context.Context, c *Client) (proto.Message, Position, error) {
		CallFrom(ctx).Credential = Credential{JobToken: sandbox.JobTokenRunning}
		m, err := c.GetTokenJob(ctx, &jobgatev1.GetTokenJobRequest{})
		return m, Position{}, err
	},
}

// TestFramesChangeNothing: with and without them each method answers the same bytes.
func TestFramesChangeNothing(t *testing.T) {
	for _, version := range versions {
		now := time.Now()
		sb := sandbox.New(sandbox.WithVersion(version), sandbox.WithClock(func() time.Time { return now }))
		server := httptest.NewServer(sb)
		t.Cleanup(server.Close)
		plain, cached := clientOf(t, server.URL, WithCache(0)), clientOf(t, server.URL)
		for name, read := range reads {
			frames := 0
			for range 4 {
				var wires [2][]byte
				var places [2]Position
				for i, c := range []*Client{plain, cached} {
					call := &Call{Credential: Credential{PrivateToken: sandbox.TokenMaintainer}}
					m, to, err := read(WithCall(t.Context(), call), c)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					wire, err := proto.Marshal(m)
					if err != nil {
						t.Fatal(err)
					}
					wires[i], places[i] = wire, to
					if call.Frame != nil {
						frames++
					}
					call.Lease.Release()
				}
				if !bytes.Equal(wires[0], wires[1]) || places[0] != places[1] {
					t.Errorf("%s %s: answers of %d and %d bytes, before %v and %v", version, name, len(wires[0]), len(wires[1]), places[0], places[1])
				}
			}
			if frames != 2 {
				t.Errorf("%s %s: %d answers of frames", version, name, frames)
			}
		}
	}
}

// TestFramesAreNotLent: answers of frames stay as they are while others give memory back.
func TestFramesAreNotLent(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		etag := `W/"` + id + `"`
		w.Header().Set("ETag", etag)
		if len(id) == 1 && r.Header.Get("If-None-Match") == etag { // others are never kept
			w.WriteHeader(http.StatusNotModified)
			return
		}
		respond(200, "application/json", `{"id":`+id+`,"name":"`+strings.Repeat(id, 2000/len(id))+`"}`)(w, r)
	})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 150 {
				id := int64(1 + (worker+i)%9)
				if i%2 == 0 {
					id = int64(10 + worker*1000 + i)
				}
				call := &Call{}
				job, err := c.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: "1", JobId: id})
				if err != nil {
					t.Error(err)
					return
				}
				wire := job.ProtoReflect().GetUnknown()
				read := new(jobgatev1.Job)
				text := fmt.Sprint(id)
				if err := proto.Unmarshal(wire, read); err != nil || read.GetId() != id || read.GetName() != strings.Repeat(text, 2000/len(text)) {
					t.Errorf("job %d is %d, %v", id, read.GetId(), err)
				}
				if call.Frame != nil && call.Lease != nil {
					t.Error("a frame is lent")
				}
				call.Lease.Release()
				if call.Frame != nil && !slices.Equal(call.Frame.wire, wire) {
					t.Error("the bytes of a frame are not its own")
				}
			}
		})
	}
	all.Wait()
	if got := c.CacheStats(); got.Hits == 0 {
		t.Errorf("no frame was used: %+v", got)
	}
}

func BenchmarkKept(b *testing.B) {
	body := `[` + strings.Repeat(`{"id":7,"name":"unit","status":"success","stage":"test","ref":"main"},`, 19) + `{"id":7}]`
	c := functionClient(b, func(req *http.Request) (*http.Response, error) {
		resp := answer(200, body)
		if req.Header.Get("If-None-Match") != "" {
			resp = answer(304, "")
		}
		resp.Header["Etag"] = []string{`W/"a"`}
		return resp, nil
	})
	call := &Call{Credential: Credential{PrivateToken: "glpat-x"}}
	ctx := WithCall(b.Context(), call)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.ListPipelineJobs(ctx, &jobgatev1.ListPipelineJobsRequest{Project: "1", PipelineId: 6}, Position{}); err != nil {
			b.Fatal(err)
		}
		call.Lease.Release()
	}
}
