package inproc_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"unsafe"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
)

// A caller who takes messages by reference gets the bytes of the service themselves.
func TestByReference(t *testing.T) {
	s := &services{wireBacked: true}
	channel, _ := inside(t, s).conn.(*inproc.Channel)
	ctx := inproc.WithCaller(t.Context(), &inproc.Caller{ByReference: true})
	for _, m := range methods(t) {
		if m.streams {
			continue
		}
		out := m.resp.ProtoReflect().New().Interface()
		if err := channel.Invoke(ctx, m.name, filled(m.req), out); err != nil {
			t.Fatal(m.name, err)
		}
		got, sent := out.ProtoReflect().GetUnknown(), s.sent[len(s.sent)-1].ProtoReflect().GetUnknown()
		if len(got) == 0 || unsafe.SliceData(got) != unsafe.SliceData(sent) {
			t.Errorf("%s: the bytes were copied", m.name)
		}
	}
}

func TestPush(t *testing.T) {
	s := &services{}
	channel, _ := inside(t, s).conn.(*inproc.Channel)
	ctx := inproc.WithCaller(t.Context(), &inproc.Caller{ByReference: true})
	req := filled(&jobgatev1.ReadTraceRequest{})
	var log []byte
	err := channel.Push(ctx, jobgatev1.TraceService_ReadTrace_FullMethodName, req, func(message any) error {
		event, _ := message.(*jobgatev1.ReadTraceResponse)
		log = append(log, event.GetChunk().GetData()...)
		return nil
	})
	if err != nil || string(log) != "log0log1log2" {
		t.Errorf("%q, %v", log, err)
	}
	n := 0
	err = channel.Push(ctx, jobgatev1.TraceService_ReadTrace_FullMethodName, req, func(any) error {
		n++
		return errRefused
	})
	if status.Code(err) != codes.FailedPrecondition || n != 1 {
		t.Errorf("%d events, then %v", n, err)
	}
	if err := channel.Push(ctx, "/jobgate.v1.TraceService/Nothing", req, nil); status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
}

// A stream whose caller goes away ends.
func TestStreamEndsWithItsContext(t *testing.T) {
	l := inside(t, &services{})
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := l.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, jobgatev1.TraceService_ReadTrace_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.SendMsg(filled(&jobgatev1.ReadTraceRequest{})), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&jobgatev1.ReadTraceResponse{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	for err = nil; err == nil; {
		err = stream.RecvMsg(&jobgatev1.ReadTraceResponse{})
	}
	if status.Code(err) != codes.Canceled && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// What the context of the caller says as metadata arrives as metadata; nothing of an
// outer call that happens to be in it does.
func TestMetadataIsTheCallers(t *testing.T) {
	var got metadata.MD
	channel := inproc.New(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		got, _ = metadata.FromIncomingContext(ctx)
		if !inproc.Inside(ctx) || inproc.CallerFrom(ctx) != nil {
			t.Error("not told as a call within the process, or with a caller")
		}
		return handler(ctx, req)
	}, nil)
	(&services{}).register(channel)
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("private-token", "of the outer call"))
	ctx = metadata.AppendToOutgoingContext(ctx, "job-token", "own")
	req, _ := filled(&jobgatev1.GetJobRequest{}).(*jobgatev1.GetJobRequest)
	if _, err := jobgatev1.NewJobServiceClient(channel).GetJob(ctx, req); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got.Get("job-token")[0] != "own" {
		t.Errorf("metadata %v", got)
	}
	if inproc.Inside(t.Context()) {
		t.Error("a context of no call is within the process")
	}
}
