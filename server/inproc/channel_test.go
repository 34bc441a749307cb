package inproc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// link is one way to the services.
type link struct {
	conn        grpc.ClientConnInterface
	intercepted *atomic.Int32
}

// network is the way over TCP.
func network(t *testing.T, s *services) link {
	t.Helper()
	var n atomic.Int32
	server := grpc.NewServer(grpc.UnaryInterceptor(countUnary(&n)), grpc.StreamInterceptor(countStream(&n)))
	s.register(server)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(lis) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///"+lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return link{conn, &n}
}

// inside is the way through a channel.
func inside(_ *testing.T, s *services) link {
	var n atomic.Int32
	channel := inproc.New(countUnary(&n), countStream(&n))
	s.register(channel)
	return link{channel, &n}
}

func countUnary(n *atomic.Int32) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		n.Add(1)
		return handler(ctx, req)
	}
}

func countStream(n *atomic.Int32) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		n.Add(1)
		return handler(srv, ss)
	}
}

// method is an RPC of the contract, found in its descriptors, so that none is left out.
type method struct {
	name      string
	req, resp proto.Message
	streams   bool
}

func methods(t *testing.T) []method {
	t.Helper()
	var all []method
	protoregistry.GlobalFiles.RangeFilesByPackage("jobgate.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				md := service.Methods().Get(j)
				all = append(all, method{
					"/" + string(service.FullName()) + "/" + string(md.Name()),
					blank(t, md.Input()), blank(t, md.Output()), md.IsStreamingServer(),
				})
			}
		}
		return true
	})
	if len(all) < 11 {
		t.Fatalf("%d methods", len(all))
	}
	return all
}

func blank(t *testing.T, md protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(md.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return mt.New().Interface()
}

// each runs a test for every RPC × {network, in process} × {typed, wire-backed}.
func each(t *testing.T, test func(t *testing.T, l link, m method)) {
	t.Helper()
	for name, connect := range map[string]func(*testing.T, *services) link{"network": network, "in process": inside} {
		for form, wireBacked := range map[string]bool{"typed": false, "wire-backed": true} {
			t.Run(name+"/"+form, func(t *testing.T) {
				l := connect(t, &services{wireBacked: wireBacked})
				for _, m := range methods(t) {
					t.Run(m.name, func(t *testing.T) { test(t, l, m) })
				}
			})
		}
	}
}

// call makes the call and returns all messages of the answer.
func call(ctx context.Context, l link, m method, header *metadata.MD) ([]proto.Message, error) {
	if !m.streams {
		out := m.resp.ProtoReflect().New().Interface()
		err := l.conn.Invoke(ctx, m.name, filled(m.req), out, grpc.Header(header))
		return []proto.Message{out}, err
	}
	stream, err := l.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, m.name)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(filled(m.req)); err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	var all []proto.Message
	for {
		out := m.resp.ProtoReflect().New().Interface()
		if err := stream.RecvMsg(out); err != nil {
			*header, _ = stream.Header()
			if errors.Is(err, io.EOF) {
				return all, nil
			}
			return all, err
		}
		all = append(all, out)
	}
}

func TestEveryRPC(t *testing.T) {
	each(t, func(t *testing.T, l link, m method) {
		t.Helper()
		var header metadata.MD
		before := l.intercepted.Load()
		got, err := call(t.Context(), l, m, &header)
		if err != nil {
			t.Fatal(err)
		}
		want := 1
		if m.streams {
			want = 3
		}
		if len(got) != want {
			t.Fatalf("%d messages, want %d", len(got), want)
		}
		for i, message := range got {
			if len(message.ProtoReflect().GetUnknown()) > 0 {
				t.Error("fields are left among the unknown ones")
			}
			want := filled(m.resp)
			event, isEvent := message.(*jobgatev1.ReadTraceResponse)
			if isEvent && event.GetChunk() != nil {
				if data := string(event.GetChunk().GetData()); data != "log"+string(rune('0'+i)) {
					t.Errorf("chunk %d became %q", i, data)
				}
				continue
			}
			if !proto.Equal(message, want) {
				t.Errorf("got %v\nwant %v", message, want)
			}
		}
		if total := header.Get("x-total"); len(total) == 0 || total[0] != "7" {
			t.Errorf("header %v", header)
		}
		if n := l.intercepted.Load() - before; n != 1 {
			t.Errorf("%d interceptions", n)
		}
	})
}

func TestEveryRPCFails(t *testing.T) {
	each(t, func(t *testing.T, l link, m method) {
		t.Helper()
		var header metadata.MD
		ctx := metadata.AppendToOutgoingContext(t.Context(), "fail", "1")
		_, err := call(ctx, l, m, &header)
		if st := status.Convert(err); st.Code() != codes.FailedPrecondition || st.Message() != "refused" {
			t.Errorf("error %v", err)
		}
	})
}

func TestUnknownMethod(t *testing.T) {
	l := inside(t, &services{})
	err := l.conn.Invoke(t.Context(), "/jobgate.v1.JobService/Nothing", &jobgatev1.Job{}, &jobgatev1.Job{})
	if status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
	if _, err := l.conn.NewStream(t.Context(), nil, "/jobgate.v1.TraceService/Nothing"); status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
}
