package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	gateway "github.com/jobgate/jobgate/gen/gateway/jobgate/v1"
)

// serveGRPCGateway is the REST face that one writes first: grpc-gateway with its
// defaults, which calls the typed services of [clientGoServer] over a TCP
// connection within the process, and writes protojson.
func serveGRPCGateway(lis net.Listener, cfg roleConfig) error {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- serveClientGo(inner, cfg) }()
	defer inner.Close()
	mux := runtime.NewServeMux(runtime.WithIncomingHeaderMatcher(func(name string) (string, bool) {
		if strings.EqualFold(name, "Private-Token") {
			return "private-token", true
		}
		return runtime.DefaultHeaderMatcher(name)
	}))
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32 << 20)),
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := gateway.RegisterJobServiceHandlerFromEndpoint(ctx, mux, inner.Addr().String(), dial); err != nil {
		return err
	}
	go func() { failed <- (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(lis) }()
	return <-failed
}
