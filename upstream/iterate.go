package upstream

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// ProjectJobs ranges over the jobs of a project, newest first, fetching pages as
// it goes. An error, if any, is the last thing it yields. With the request's own
// paging it ranges over that one page.
func (c *Client) ProjectJobs(
	ctx context.Context, req *jobgatev1.ListProjectJobsRequest,
) iter.Seq2[*jobgatev1.Job, error] {
	return walk(func(at Position) ([]*jobgatev1.Job, Position, error) {
		page, to, err := c.ListProjectJobs(ctx, req, at)
		if err == nil {
			err = parse(page)
		}
		if req.GetPaging() != nil {
			to = Position{}
		}
		return page.GetJobs(), to, err
	})
}

// PipelineJobs ranges over the jobs of a pipeline; see [Client.ProjectJobs].
func (c *Client) PipelineJobs(
	ctx context.Context, req *jobgatev1.ListPipelineJobsRequest,
) iter.Seq2[*jobgatev1.Job, error] {
	return walk(func(at Position) ([]*jobgatev1.Job, Position, error) {
		page, to, err := c.ListPipelineJobs(ctx, req, at)
		if err == nil {
			err = parse(page)
		}
		return page.GetJobs(), to, err
	})
}

// PipelineBridges ranges over the trigger jobs of a pipeline; see
// [Client.ProjectJobs].
func (c *Client) PipelineBridges(
	ctx context.Context, req *jobgatev1.ListPipelineBridgesRequest,
) iter.Seq2[*jobgatev1.Bridge, error] {
	return walk(func(at Position) ([]*jobgatev1.Bridge, Position, error) {
		page, to, err := c.ListPipelineBridges(ctx, req, at)
		if err == nil {
			err = parse(page)
		}
		return page.GetBridges(), to, err
	})
}

func walk[T any](fetch func(at Position) ([]T, Position, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at, more := (Position{}), true; more; more = at != (Position{}) {
			page, to, err := fetch(at)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, entry := range page {
				if !yield(entry, nil) {
					return
				}
			}
			at = to
		}
	}
}

// parse reads the fields of a wire-backed message out of its unknown fields.
func parse(m proto.Message) error {
	reflected := m.ProtoReflect()
	wire := reflected.GetUnknown()
	reflected.SetUnknown(nil)
	return proto.UnmarshalOptions{Merge: true}.Unmarshal(wire, m)
}
