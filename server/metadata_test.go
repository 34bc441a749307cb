package server

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
)

// What claims to be the gateway's own metadata reaches no handler, by either way in.
func TestOwnMetadataIsDropped(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"network":    incoming(t, "jobgate-face", "rest", "JOBGATE-Peer", "x", "x-request-id", "a"),
		"in process": metadata.AppendToOutgoingContext(t.Context(), "jobgate-face", "rest", "x-request-id", "a"),
	} {
		t.Run(name, func(t *testing.T) {
			var got metadata.MD
			log, _ := quiet()
			c := newChain(Config{}, log, t.Context())
			look := func(ctx context.Context, _ any) (any, error) {
				got, _ = metadata.FromIncomingContext(ctx)
				return &jobgatev1.Job{}, nil
			}
			req := &jobgatev1.GetJobRequest{Project: "1", JobId: 7}
			var err error
			if name == "network" {
				_, err = c.unary(ctx, req, &grpc.UnaryServerInfo{FullMethod: jobgatev1.JobService_GetJob_FullMethodName}, look)
			} else {
				channel := inproc.New(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
					return c.unary(ctx, req, info, look)
				}, nil)
				jobgatev1.RegisterJobServiceServer(channel, jobgatev1.UnimplementedJobServiceServer{})
				_, err = jobgatev1.NewJobServiceClient(channel).GetJob(ctx, req)
			}
			if err != nil || len(got) != 1 || got.Get("x-request-id")[0] != "a" {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
