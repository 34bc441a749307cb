package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// jobService answers jobgate.v1.JobService.
type jobService struct {
	jobgatev1.UnimplementedJobServiceServer
	api    *upstream.Client
	writes *writes
}

func (s *jobService) ListProjectJobs(
	ctx context.Context, req *jobgatev1.ListProjectJobsRequest,
) (*jobgatev1.ListProjectJobsResponse, error) {
	at, err := pagePosition(req)
	if err != nil {
		return nil, err
	}
	page, next, err := s.api.ListProjectJobs(ctx, req, at)
	if err != nil {
		return nil, err
	}
	if req.GetPaging() != nil {
		return page, tellCursor(ctx, next)
	}
	page.NextPageToken = pageToken(req, next)
	return page, nil
}

func (s *jobService) ListPipelineJobs(
	ctx context.Context, req *jobgatev1.ListPipelineJobsRequest,
) (*jobgatev1.ListPipelineJobsResponse, error) {
	at, err := pagePosition(req)
	if err != nil {
		return nil, err
	}
	page, next, err := s.api.ListPipelineJobs(ctx, req, at)
	if err != nil {
		return nil, err
	}
	page.NextPageToken = pageToken(req, next)
	return page, nil
}

func (s *jobService) GetJob(ctx context.Context, req *jobgatev1.GetJobRequest) (*jobgatev1.Job, error) {
	return s.api.GetJob(ctx, req)
}

func (s *jobService) GetTokenJob(ctx context.Context, req *jobgatev1.GetTokenJobRequest) (*jobgatev1.Job, error) {
	return s.api.GetTokenJob(ctx, req)
}

func (s *jobService) CancelJob(ctx context.Context, req *jobgatev1.CancelJobRequest) (*jobgatev1.Job, error) {
	return doOnce(ctx, s.writes, jobgatev1.JobService_CancelJob_FullMethodName, req, s.api.CancelJob)
}

func (s *jobService) RetryJob(ctx context.Context, req *jobgatev1.RetryJobRequest) (*jobgatev1.Job, error) {
	return doOnce(ctx, s.writes, jobgatev1.JobService_RetryJob_FullMethodName, req, s.api.RetryJob)
}

func (s *jobService) EraseJob(ctx context.Context, req *jobgatev1.EraseJobRequest) (*jobgatev1.Job, error) {
	return doOnce(ctx, s.writes, jobgatev1.JobService_EraseJob_FullMethodName, req, s.api.EraseJob)
}

func (s *jobService) PlayJob(ctx context.Context, req *jobgatev1.PlayJobRequest) (*jobgatev1.PlayJobResponse, error) {
	return doOnce(ctx, s.writes, jobgatev1.JobService_PlayJob_FullMethodName, req, s.api.PlayJob)
}

// tellCursor gives the next cursor to a caller who pages in GitLab's own way: older
// versions have it in a link only, which names GitLab's host and is not passed on.
func tellCursor(ctx context.Context, next upstream.Position) error {
	call := upstream.CallFrom(ctx)
	if next.Cursor == "" || call == nil || call.Reply.Header.Get("X-Next-Cursor") != "" || !headerText(next.Cursor) {
		return nil
	}
	return grpc.SetHeader(ctx, metadata.Pairs("x-next-cursor", next.Cursor))
}
