package main

import (
	"context"
	"net"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// clientGoServer is the gateway that one writes first: GitLab's own Go client
// behind, generated messages in front, and the fields copied between them.
type clientGoServer struct {
	jobgatev1.UnimplementedJobServiceServer
	client *gitlab.Client
}

// serveClientGo serves it with grpc-go's and client-go's defaults.
func serveClientGo(lis net.Listener, cfg roleConfig) error {
	client, err := gitlab.NewClient("", gitlab.WithBaseURL(cfg.upstream))
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	jobgatev1.RegisterJobServiceServer(server, &clientGoServer{client: client})
	return server.Serve(lis)
}

// GetJob gets one job.
func (s *clientGoServer) GetJob(ctx context.Context, req *jobgatev1.GetJobRequest) (*jobgatev1.Job, error) {
	job, _, err := s.client.Jobs.GetJob(req.GetProject(), req.GetJobId(), callerOptions(ctx)...)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return copyJob(job), nil
}

// ListProjectJobs lists the jobs of a project.
func (s *clientGoServer) ListProjectJobs(ctx context.Context, req *jobgatev1.ListProjectJobsRequest) (*jobgatev1.ListProjectJobsResponse, error) {
	opts := &gitlab.ListJobsOptions{ListOptions: gitlab.ListOptions{
		Pagination: "keyset",
		PerPage:    int64(req.GetPageSize()),
	}}
	jobs, _, err := s.client.Jobs.ListProjectJobs(req.GetProject(), opts, callerOptions(ctx)...)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	resp := &jobgatev1.ListProjectJobsResponse{Jobs: make([]*jobgatev1.Job, len(jobs))}
	for i, job := range jobs {
		resp.Jobs[i] = copyJob(job)
	}
	return resp, nil
}

// callerOptions carry the call's deadline and the caller's own credential.
func callerOptions(ctx context.Context) []gitlab.RequestOptionFunc {
	opts := []gitlab.RequestOptionFunc{gitlab.WithContext(ctx)}
	if token := metadata.ValueFromIncomingContext(ctx, "private-token"); len(token) > 0 {
		opts = append(opts, gitlab.WithToken(gitlab.PrivateToken, token[0]))
	}
	return opts
}
