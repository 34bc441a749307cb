package follow_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// A log is copied to standard output until its job has ended, over restarts of the
// gateway.
func ExampleLog() { //nolint:testableexamples // it needs a gateway
	conn, err := grpc.NewClient("gateway.example.com:9090",
		grpc.WithTransportCredentials(credentials.NewTLS(nil)),
		// gRPC's own wait between two connections: 5 seconds at most, not 2 minutes
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 10 * time.Second,
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	ctx := metadata.AppendToOutgoingContext(context.Background(), "private-token", os.Getenv("GITLAB_TOKEN"))
	log := follow.Log(ctx, jobgatev1.NewTraceServiceClient(conn), &jobgatev1.ReadTraceRequest{
		Project: "group/app", JobId: 4711, Follow: true,
	})
	for data, err := range log.Bytes() {
		if err != nil {
			fmt.Println(err)
			return
		}
		os.Stdout.Write(data)
	}
	fmt.Println("The job has ended:", log.End().GetJobStatusWord())
}

// A copy of a log is brought up to date, today and tomorrow: the cursor is stored beside
// it. Where the log was rewritten, the copy is cut.
func ExampleFollower_Cursor() { //nolint:testableexamples // likewise
	var client jobgatev1.TraceServiceClient // as in the example of Log

	file, err := os.OpenFile("4711.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	req := &jobgatev1.ReadTraceRequest{Project: "group/app", JobId: 4711}
	if cursor, err := os.ReadFile("4711.cursor"); err == nil {
		req.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: string(cursor)}
	}
	log := follow.Log(context.Background(), client, req)
	_, err = log.WriteTo(file)
	if _, ok := errors.AsType[*follow.ResetError](err); ok {
		if err = file.Truncate(log.Offset()); err == nil {
			_, err = log.WriteTo(file)
		}
	}
	if err != nil {
		fmt.Println(err) // what was read before it is good
	}
	if at := log.Offset(); at >= 0 {
		_ = file.Truncate(at) // a piece that was written in part
	}
	if err := os.WriteFile("4711.cursor", []byte(log.Cursor()), 0o600); err != nil {
		fmt.Println(err)
	}
}
