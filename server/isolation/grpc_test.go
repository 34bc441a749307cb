package isolation

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// raw is a codec that leaves answers as they came.
type raw struct{}

// Marshal encodes a request.
func (raw) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return proto.Marshal(m)
}

// Unmarshal keeps an answer.
func (raw) Unmarshal(b []byte, v any) error {
	to, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is no place for bytes", v)
	}
	*to = append((*to)[:0], b...)
	return nil
}

// Name names what is encoded.
func (raw) Name() string { return "proto" }

// request is the message of an op.
func (o op) request() (rpc string, m proto.Message) {
	pipeline := int64(firstPipe + o.number)
	size := int32(o.size)
	switch o.kind {
	case readList:
		switch o.what {
		case "project":
			return jobgatev1.JobService_ListProjectJobs_FullMethodName, &jobgatev1.ListProjectJobsRequest{Project: o.project, PageSize: size, PageToken: o.token}
		case "pipeline":
			return jobgatev1.JobService_ListPipelineJobs_FullMethodName, &jobgatev1.ListPipelineJobsRequest{Project: o.project, PipelineId: pipeline, PageSize: size, PageToken: o.token}
		}
		return jobgatev1.BridgeService_ListPipelineBridges_FullMethodName, &jobgatev1.ListPipelineBridgesRequest{Project: o.project, PipelineId: pipeline}
	case writeJob:
		switch o.what {
		case "cancel":
			return jobgatev1.JobService_CancelJob_FullMethodName, &jobgatev1.CancelJobRequest{Project: o.project, JobId: o.id, RequestId: o.requestID}
		case "retry":
			return jobgatev1.JobService_RetryJob_FullMethodName, &jobgatev1.RetryJobRequest{Project: o.project, JobId: o.id, RequestId: o.requestID}
		case "erase":
			return jobgatev1.JobService_EraseJob_FullMethodName, &jobgatev1.EraseJobRequest{Project: o.project, JobId: o.id, RequestId: o.requestID}
		}
		return jobgatev1.JobService_PlayJob_FullMethodName, &jobgatev1.PlayJobRequest{Project: o.project, JobId: o.id, RequestId: o.requestID}
	case readToken:
		if o.what == "job" {
			return jobgatev1.JobService_GetTokenJob_FullMethodName, &jobgatev1.GetTokenJobRequest{}
		}
		return jobgatev1.AgentService_GetAllowedAgents_FullMethodName, &jobgatev1.GetAllowedAgentsRequest{}
	case readJob, readLog:
	}
	return jobgatev1.JobService_GetJob_FullMethodName, &jobgatev1.GetJobRequest{Project: o.project, JobId: o.id}
}

// overGRPC makes a call.
func (w *world) overGRPC(ctx context.Context, c caller, o op, r *rand.Rand) {
	if o.kind == readLog {
		w.readLog(ctx, c, o, r)
		return
	}
	t := w.telling(c, o)
	ctx = metadata.NewOutgoingContext(ctx, c.metadata())
	var header, trailer metadata.MD
	var answer []byte
	rpc, m := o.request()
	err := w.grpc.Invoke(ctx, rpc, m, &answer, grpc.Header(&header), grpc.Trailer(&trailer))
	t.checkEnd(header, trailer, err)
	w.tally("grpc calls: "+status.Code(err).String(), 1)
	if err != nil {
		return
	}
	t.check("the answer", answer)
	if o.kind == readList && o.what != "bridges" {
		t.keepToken(answer)
	}
}

// checkEnd looks at all that is beside the answer of a call.
func (t *telling) checkEnd(header, trailer metadata.MD, err error) {
	for _, md := range []metadata.MD{header, trailer} {
		for key, values := range md {
			if key == "grpc-status-details-bin" {
				continue // in err, and decoded
			}
			for _, value := range values {
				t.check("metadata "+key, []byte(value))
			}
		}
	}
	if err != nil {
		b, _ := proto.Marshal(status.Convert(err).Proto())
		t.check("the status", b)
	}
}

// keepToken looks at the token of the next page, and keeps it for anybody to try.
func (t *telling) keepToken(answer []byte) {
	m := new(jobgatev1.ListProjectJobsResponse) // the fields of both are the same
	if err := proto.Unmarshal(answer, m); err != nil {
		t.failf("%v: %v", t.op, err)
		return
	}
	b, err := base64.RawURLEncoding.DecodeString(m.GetNextPageToken())
	if err != nil {
		t.failf("%v: %v", t.op, err)
	}
	t.check("the page token", b)
	if m.GetNextPageToken() != "" {
		next := t.op
		next.token = m.GetNextPageToken()
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.next = append(t.next, next); len(t.next) > 20 {
			t.next = t.next[1:]
		}
	}
}

// logRequest asks for a log, or a part of it.
func (o op) logRequest(r *rand.Rand) *jobgatev1.ReadTraceRequest {
	m := &jobgatev1.ReadTraceRequest{Project: o.project, JobId: o.id}
	switch o.what {
	case "part":
		m.Start, m.Limit = &jobgatev1.ReadTraceRequest_Offset{Offset: r.Int64N(3000)}, r.Int64N(2000)
	case "tail":
		m.Start = &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: 1 + r.Int64N(2000)}
	case "lines":
		m.Start = &jobgatev1.ReadTraceRequest_TailLines{TailLines: 1 + r.Int32N(20)}
	case "follow":
		m.Follow = true
		if r.IntN(3) == 0 {
			m.Start = &jobgatev1.ReadTraceRequest_Offset{Offset: r.Int64N(3000)}
		}
	}
	if o.cursor != "" && m.Start == nil {
		m.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: o.cursor}
	}
	return m
}

// readLog reads or follows a log.
func (w *world) readLog(ctx context.Context, c caller, o op, r *rand.Rand) {
	t := w.telling(c, o)
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(ctx, c.metadata()))
	defer cancel()
	stream, err := w.grpc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, jobgatev1.TraceService_ReadTrace_FullMethodName)
	if err == nil {
		if err = stream.SendMsg(o.logRequest(r)); err == nil {
			err = stream.CloseSend()
		}
	}
	for err == nil {
		var b []byte
		if err = stream.RecvMsg(&b); err == nil {
			t.event(b)
		}
	}
	if stream == nil {
		return
	}
	header, _ := stream.Header()
	if status.Code(err).String() == "Unknown" && err.Error() == "EOF" {
		err = nil
	}
	t.checkEnd(header, stream.Trailer(), err)
	w.tally("logs over grpc, "+o.what+": "+status.Code(err).String(), 1)
}

// event looks at an event of a log.
func (t *telling) event(b []byte) {
	t.check("an event", b)
	m := new(jobgatev1.ReadTraceResponse)
	if err := proto.Unmarshal(b, m); err != nil {
		t.failf("%v: %v", t.op, err)
		return
	}
	t.checkLog(m.GetChunk().GetData())
	t.mu.Lock()
	t.cursors[t.job] = m.GetCursor()
	t.mu.Unlock()
	if h := m.GetHeartbeat(); h != nil {
		t.checkSize(h.GetSize())
	}
}
