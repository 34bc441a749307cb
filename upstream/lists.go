package upstream

import (
	"context"
	"errors"
	"net/http"
	"strings"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// ListProjectJobs lists the jobs of a project from a place on; contract section
// 7.1. The page token of the request is not read: at stands for it. With the
// request's own paging, at is not read, and of the answered position only the cursor
// is set: older versions of GitLab tell it in a link alone.
func (c *Client) ListProjectJobs(
	ctx context.Context, req *jobgatev1.ListProjectJobsRequest, at Position,
) (*jobgatev1.ListProjectJobsResponse, Position, error) {
	for {
		byNumber := at.Cursor == "" && (at.Page > 0 || c.noKeyset.Load())
		l, err := c.projectJobs(req, at, byNumber)
		if err != nil {
			return nil, Position{}, err
		}
		wire, to, _, err := c.page(ctx, l, encodeJobs)
		if !byNumber && at == (Position{}) && req.GetPaging() == nil && lacksKeyset(err) {
			c.noKeyset.Store(true)
			continue
		}
		if err != nil {
			return nil, Position{}, err
		}
		answer := new(jobgatev1.ListProjectJobsResponse)
		answer.ProtoReflect().SetUnknown(wire)
		return answer, to, nil
	}
}

func (c *Client) projectJobs(req *jobgatev1.ListProjectJobsRequest, at Position, byNumber bool) (*list, error) {
	o := op{what: "list jobs", project: Project(req.GetProject())}
	r, err := c.projectRequest(http.MethodGet, o, "/jobs")
	if err != nil {
		return nil, err
	}
	if err := r.query.scope(req.GetScope()); err != nil {
		return nil, r.invalid(err)
	}
	r.query.optionalText("ref", req.Ref)
	l := &list{request: r, at: at, cursors: !byNumber}
	return l, l.finish(req.GetPageSize(), req.GetPaging(), req.GetExtraParameters())
}

// lacksKeyset tells a GitLab whose list of jobs has no cursors; contract section 4.
func lacksKeyset(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusMethodNotAllowed && strings.HasPrefix(e.Message, "Keyset pagination")
}

// ListPipelineJobs lists the jobs of a pipeline from a place on; contract section
// 7.2. Places are as in [Client.ListProjectJobs].
func (c *Client) ListPipelineJobs(
	ctx context.Context, req *jobgatev1.ListPipelineJobsRequest, at Position,
) (*jobgatev1.ListPipelineJobsResponse, Position, error) {
	r, err := c.pipelineRequest("list jobs of pipeline", req.GetProject(), req.GetPipelineId(), "/jobs")
	if err != nil {
		return nil, Position{}, err
	}
	if err := r.query.scope(req.GetScope()); err != nil {
		return nil, Position{}, r.invalid(err)
	}
	r.query.optionalBool("include_retried", req.IncludeRetried)
	l := &list{request: r, at: at}
	if err := l.finish(req.GetPageSize(), req.GetPaging(), req.GetExtraParameters()); err != nil {
		return nil, Position{}, err
	}
	wire, to, total, err := c.page(ctx, l, encodeJobs)
	if err != nil {
		return nil, Position{}, err
	}
	answer := &jobgatev1.ListPipelineJobsResponse{TotalSize: total}
	answer.ProtoReflect().SetUnknown(wire)
	return answer, to, nil
}

// list is a request for a page of a list.
type list struct {
	*request
	at      Position
	size    int64 // entries asked for; 0 if the caller pages in GitLab's own way
	cursors bool  // the list has cursors
}

// finish adds the paging and the parameters without a field.
func (l *list) finish(size int32, own *jobgatev1.GitlabPaging, extra []*jobgatev1.Parameter) error {
	wanted, err := pageSize(size)
	if err != nil {
		return l.invalid(err)
	}
	switch {
	case own != nil:
		l.query.paging(own)
	case l.cursors:
		l.size = wanted
		l.query.keyset(l.at, l.size)
	default:
		if l.size = wanted; l.at.PerPage > 0 {
			l.size = min(l.at.PerPage, largestPage)
		}
		l.query.numbered(l.at, l.size)
	}
	return l.invalid(l.query.extra(extra))
}

// page asks for a page and returns it with the place of the next one and the
// number of entries on all.
func (c *Client) page(ctx context.Context, l *list, encode encoder) ([]byte, Position, *int64, error) {
	wire, header, err := c.fetch(ctx, l.request, encode)
	if err != nil {
		return nil, Position{}, nil, err
	}
	if l.size == 0 {
		cursor, _, _ := nextLink(header["Link"])
		return wire, Position{Cursor: cursor}, total(header), nil
	}
	to, err := next(header, l)
	if err != nil {
		e := l.about(Malformed, &http.Response{StatusCode: http.StatusOK, Header: header}, err)
		e.Truncated = true // the body is not kept
		return nil, Position{}, nil, e
	}
	return wire, to, total(header), nil
}

// Both lists of jobs have them in field 1.
func encodeJobs(dst, json []byte) ([]byte, error) { return jobTable.AppendWireList(dst, json, 1) }
