package server

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/channelz/grpc_channelz_v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// TestServicesBesideTheContract proves which are there, by setting.
func TestServicesBesideTheContract(t *testing.T) {
	for name, c := range map[string]struct {
		cfg                  Config
		reflection, channelz codes.Code
	}{
		"default": {Config{}, codes.OK, codes.Unimplemented},
		"other":   {Config{NoReflection: true, Channelz: true}, codes.Unimplemented, codes.OK},
	} {
		gw, _ := configured(t, gitlabOf(t, sandbox.New()), c.cfg)
		_, err := grpc_channelz_v1.NewChannelzClient(gw.conn).GetServers(t.Context(), &grpc_channelz_v1.GetServersRequest{})
		if got := status.Code(err); got != c.channelz {
			t.Errorf("%s: channelz: %v", name, err)
		}
		stream, err := grpc_reflection_v1.NewServerReflectionClient(gw.conn).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}})
		_, err = stream.Recv()
		if got := status.Code(err); got != c.reflection {
			t.Errorf("%s: reflection: %v", name, err)
		}
		_ = stream.CloseSend()
	}
}

// TestIdleConnectionsAreClosed proves that a connection without a call is ended, and the
// next call makes another one.
func TestIdleConnectionsAreClosed(t *testing.T) {
	gw, _ := configured(t, gitlabOf(t, sandbox.New()), Config{Connections: Connections{MaxIdle: 100 * time.Millisecond}})
	get := func() {
		t.Helper()
		if _, err := gw.jobs.GetJob(as(t, sandbox.TokenMaintainer), &jobgatev1.GetJobRequest{Project: "1", JobId: 101}); err != nil {
			t.Fatal(err)
		}
	}
	get()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for state := gw.conn.GetState(); state == connectivity.Ready; state = gw.conn.GetState() {
		if !gw.conn.WaitForStateChange(ctx, state) {
			t.Fatal("the connection is kept")
		}
	}
	get()
}

// TestStreamsOfAConnection proves that one more call than a connection may have waits for
// its turn, and does not fail.
func TestStreamsOfAConnection(t *testing.T) {
	gw, _ := configured(t, gitlabOf(t, sandbox.New()), Config{Connections: Connections{MaxStreams: 1}})
	ctx, end := context.WithCancel(as(t, sandbox.TokenMaintainer))
	stream, err := gw.traces.ReadTrace(ctx, &jobgatev1.ReadTraceRequest{Project: "1", JobId: sandbox.JobRunning, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := gw.jobs.GetJob(as(t, sandbox.TokenMaintainer), &jobgatev1.GetJobRequest{Project: "1", JobId: 101})
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("the second call ended beside the first: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
