package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/bench/payload"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// answerer answers one call with bytes. path is GitLab's path and query for it.
type answerer func(ctx context.Context, path string) (*relay, error)

// serveFloor is the least that any gateway must do: grpc-go in front, one HTTP
// request behind, GitLab's bytes passed on unread, in memory that is used again.
func serveFloor(lis net.Listener, cfg roleConfig) error {
	pool := new(tieredPool)
	return serveBytes(lis, pool, relayFrom(cfg.upstream, func(resp *http.Response) (mem.Buffer, error) {
		if resp.ContentLength < 0 {
			return nil, errors.New("no Content-Length")
		}
		buf := pool.Get(int(resp.ContentLength))
		if _, err := io.ReadFull(resp.Body, *buf); err != nil {
			pool.Put(buf)
			return nil, err
		}
		return mem.NewBuffer(buf, pool), nil
	}), gatewayOptions(pool)...)
}

// serveRelay is the floor as one writes it first: io.ReadAll, and grpc-go's own
// buffers. It tells how much of a distance to the floor is memory alone.
func serveRelay(lis net.Listener, cfg roleConfig) error {
	return serveBytes(lis, mem.DefaultBufferPool(), relayFrom(cfg.upstream, func(resp *http.Response) (mem.Buffer, error) {
		body, err := io.ReadAll(resp.Body)
		return mem.SliceBuffer(body), err
	}))
}

// gatewayOptions are the gateway's settings of grpc-go.
func gatewayOptions(pool mem.BufferPool) []grpc.ServerOption {
	return []grpc.ServerOption{
		experimental.BufferPool(pool),
		grpc.SharedWriteBuffer(true),
		grpc.WriteBufferSize(64 << 10),
	}
}

// relayFrom answers calls with what the upstream answers, as read takes it.
func relayFrom(upstream string, read func(*http.Response) (mem.Buffer, error)) answerer {
	client := &http.Client{Transport: upstreamTransport()}
	return func(ctx context.Context, path string) (*relay, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, upstream+path, nil)
		if err != nil {
			return nil, err
		}
		req.Header["Private-Token"] = metadata.ValueFromIncomingContext(ctx, "private-token")
		resp, err := client.Do(req)
		if err != nil {
			return nil, status.Error(codes.Unavailable, err.Error())
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, status.Errorf(codes.Internal, "upstream: %s", resp.Status)
		}
		buf, err := read(resp)
		if err != nil {
			return nil, status.Error(codes.Unavailable, err.Error())
		}
		return &relay{buf}, nil
	}
}

// serveMemory is grpc-go alone: the same bytes, and no upstream.
func serveMemory(lis net.Listener, cfg roleConfig) error {
	upstream, err := newFakeUpstream(cfg.logSize)
	if err != nil {
		return err
	}
	bodies := map[string][]byte{}
	for path, whole := range upstream.answers {
		_, bodies[path], _ = bytes.Cut(whole, []byte("\r\n\r\n"))
	}
	for _, v := range payload.Variants {
		for _, n := range listSizes {
			bodies[listPath(strconv.FormatInt(v.Project, 10), int32(n))] = bodies[fmt.Sprintf("/api/v4/projects/%d/jobs?%d", v.Project, n)]
		}
	}
	pool := new(tieredPool)
	return serveBytes(lis, pool, func(_ context.Context, path string) (*relay, error) {
		body, ok := bodies[path]
		if !ok {
			return nil, status.Error(codes.NotFound, path)
		}
		return &relay{mem.SliceBuffer(body)}, nil
	}, gatewayOptions(pool)...)
}

// serveBytes serves jobgate.v1.JobService with answers of JSON bytes.
func serveBytes(lis net.Listener, pool mem.BufferPool, answer answerer, opts ...grpc.ServerOption) error {
	server := grpc.NewServer(append(opts, grpc.ForceServerCodecV2(rawCodec{pool}))...)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: jobgatev1.JobService_ServiceDesc.ServiceName,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "GetJob", Handler: bytesHandler(answer, new(jobgatev1.GetJobRequest), func(m *jobgatev1.GetJobRequest) string {
				return "/api/v4/projects/" + m.GetProject() + "/jobs/" + strconv.FormatInt(m.GetJobId(), 10)
			})},
			{MethodName: "ListProjectJobs", Handler: bytesHandler(answer, new(jobgatev1.ListProjectJobsRequest), func(m *jobgatev1.ListProjectJobsRequest) string {
				return listPath(m.GetProject(), m.GetPageSize())
			})},
		},
	}, answer)
	return server.Serve(lis)
}

// listPath is GitLab's path and query for a page of jobs.
func listPath(project string, n int32) string {
	return "/api/v4/projects/" + project + "/jobs?pagination=keyset&per_page=" + strconv.Itoa(int(n))
}

// bytesHandler is a handler that parses the request, which every gateway must,
// and answers bytes.
func bytesHandler[M proto.Message](answer answerer, request M, path func(M) string) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		m := request.ProtoReflect().New().Interface().(M)
		if err := decode(&frame{visit: func(b []byte) error { return proto.Unmarshal(b, m) }}); err != nil {
			return nil, err
		}
		return answer(ctx, path(m))
	}
}
