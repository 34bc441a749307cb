package inproc_test

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// services answer every RPC with a message in which every field is set.
type services struct {
	jobgatev1.UnimplementedJobServiceServer
	jobgatev1.UnimplementedBridgeServiceServer
	jobgatev1.UnimplementedAgentServiceServer
	jobgatev1.UnimplementedTraceServiceServer
	wireBacked bool
	sent       []proto.Message // the answers, as they left the service
	events     int             // sent of the stream under way
}

func (s *services) register(at grpc.ServiceRegistrar) {
	jobgatev1.RegisterJobServiceServer(at, s)
	jobgatev1.RegisterBridgeServiceServer(at, s)
	jobgatev1.RegisterAgentServiceServer(at, s)
	jobgatev1.RegisterTraceServiceServer(at, s)
}

var errRefused = status.Error(codes.FailedPrecondition, "refused")

// reply fills out, unless the request is not what the test sent, or asks to fail.
func reply[M proto.Message](ctx context.Context, s *services, req proto.Message, out M) (M, error) {
	var none M
	if md, _ := metadata.FromIncomingContext(ctx); len(md.Get("fail")) > 0 {
		return none, errRefused
	}
	if !proto.Equal(req, filled(req)) {
		return none, errors.New("the request is not what was sent")
	}
	if s.events == 0 { // of a stream, only with the first
		if err := grpc.SetHeader(ctx, metadata.Pairs("x-total", "7")); err != nil {
			return none, err
		}
	}
	fill(out.ProtoReflect(), 0)
	if s.wireBacked {
		wire, err := proto.Marshal(out)
		if err != nil {
			return none, err
		}
		proto.Reset(out)
		out.ProtoReflect().SetUnknown(wire)
	}
	s.sent = append(s.sent, out)
	return out, nil
}

func (s *services) ListProjectJobs(ctx context.Context, req *jobgatev1.ListProjectJobsRequest) (*jobgatev1.ListProjectJobsResponse, error) {
	return reply(ctx, s, req, &jobgatev1.ListProjectJobsResponse{})
}

func (s *services) ListPipelineJobs(ctx context.Context, req *jobgatev1.ListPipelineJobsRequest) (*jobgatev1.ListPipelineJobsResponse, error) {
	return reply(ctx, s, req, &jobgatev1.ListPipelineJobsResponse{})
}

func (s *services) GetJob(ctx context.Context, req *jobgatev1.GetJobRequest) (*jobgatev1.Job, error) {
	return reply(ctx, s, req, &jobgatev1.Job{})
}

func (s *services) GetTokenJob(ctx context.Context, req *jobgatev1.GetTokenJobRequest) (*jobgatev1.Job, error) {
	return reply(ctx, s, req, &jobgatev1.Job{})
}

func (s *services) CancelJob(ctx context.Context, req *jobgatev1.CancelJobRequest) (*jobgatev1.Job, error) {
	return reply(ctx, s, req, &jobgatev1.Job{})
}

func (s *services) RetryJob(ctx context.Context, req *jobgatev1.RetryJobRequest) (*jobgatev1.Job, error) {
	return reply(ctx, s, req, &jobgatev1.Job{})
}

func (s *services) EraseJob(ctx context.Context, req *jobgatev1.EraseJobRequest) (*jobgatev1.Job, error) {
	return reply(ctx, s, req, &jobgatev1.Job{})
}

func (s *services) PlayJob(ctx context.Context, req *jobgatev1.PlayJobRequest) (*jobgatev1.PlayJobResponse, error) {
	return reply(ctx, s, req, &jobgatev1.PlayJobResponse{})
}

func (s *services) ListPipelineBridges(ctx context.Context, req *jobgatev1.ListPipelineBridgesRequest) (*jobgatev1.ListPipelineBridgesResponse, error) {
	return reply(ctx, s, req, &jobgatev1.ListPipelineBridgesResponse{})
}

func (s *services) GetAllowedAgents(ctx context.Context, req *jobgatev1.GetAllowedAgentsRequest) (*jobgatev1.AllowedAgents, error) {
	return reply(ctx, s, req, &jobgatev1.AllowedAgents{})
}

// ReadTrace answers three events, all in one buffer as the real service does.
func (s *services) ReadTrace(req *jobgatev1.ReadTraceRequest, stream jobgatev1.TraceService_ReadTraceServer) error {
	chunk := &jobgatev1.TraceChunk{Data: make([]byte, 4)}
	defer func() { s.events = 0 }()
	for i := range 3 {
		s.events = i
		copy(chunk.GetData(), "log"+string(rune('0'+i)))
		chunk.Offset = int64(4 * i)
		event, err := reply(stream.Context(), s, req, &jobgatev1.ReadTraceResponse{})
		if err != nil {
			return err
		}
		if !s.wireBacked {
			event.Event = &jobgatev1.ReadTraceResponse_Chunk{Chunk: chunk}
		}
		if err := stream.Send(event); err != nil {
			return err
		}
	}
	return nil
}

// filled is a message of the type of like in which every field is set.
func filled(like proto.Message) proto.Message {
	m := like.ProtoReflect().New()
	fill(m, 0)
	return m.Interface()
}

// fill sets every field; of messages only so deep, as some contain themselves.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		message := fd.Kind() == protoreflect.MessageKind
		switch {
		case message && depth > 4:
		case fd.IsMap():
			entry := m.Mutable(fd).Map()
			value := entry.NewValue()
			if fd.MapValue().Kind() == protoreflect.MessageKind {
				fill(value.Message(), depth+1)
			} else {
				value = scalar(fd.MapValue())
			}
			entry.Set(protoreflect.ValueOfString("key").MapKey(), value)
		case fd.IsList() && message:
			fill(m.Mutable(fd).List().AppendMutable().Message(), depth+1)
		case fd.IsList():
			m.Mutable(fd).List().Append(scalar(fd))
		case message:
			fill(m.Mutable(fd).Message(), depth+1)
		default:
			m.Set(fd, scalar(fd))
		}
	}
}

func scalar(fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("é" + string(fd.Name()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0xff, 0})
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(2.5)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(2.5)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(-3)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1 << 60)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(4)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1 << 63)
	}
	panic("no value for a field of kind " + fd.Kind().String())
}
