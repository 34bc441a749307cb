package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/once"
	"github.com/jobgate/jobgate/upstream"
)

// writes does those writes once that have a request id.
type writes struct {
	api   *upstream.Client
	log   *slog.Logger
	keys  *once.Keys
	store *once.Store[*written]
}

// written is what GitLab answered to a write. Its bytes are shared and never change.
type written struct {
	message proto.Message
	reply   upstream.Reply
	quota   *upstream.Quota // as it was then
}

func newWrites(api *upstream.Client, log *slog.Logger, window time.Duration) *writes {
	return &writes{
		api: api, log: log, keys: once.NewKeys(),
		store: once.New(once.Config{Window: window}, once.Rules[*written]{Keep: keepWritten}),
	}
}

// keepWritten is what is kept for repeats. Of an error GitLab's words are not: they may be
// a job, which needs GitLab's yes.
func keepWritten(w *written, err error) (kept *written, bytes int64, told error) {
	if err == nil {
		bytes = int64(len(w.message.ProtoReflect().GetUnknown()))
		for name, values := range w.reply.Header {
			for _, value := range values {
				bytes += int64(len(name) + len(value) + 32)
			}
		}
		return w, bytes, nil
	}
	if e, ok := errors.AsType[*upstream.Error](err); ok {
		short := *e
		short.Body, short.Header, short.Message, short.RequestID, short.Truncated = nil, nil, "", "", true
		if e.Status != 0 {
			short.Message = fmt.Sprintf("gitlab answered %d, in words that are not kept", e.Status)
		}
		return nil, 1 << 10, &short
	}
	return nil, 1 << 10, err
}

// write is a request that changes something.
type write interface {
	proto.Message
	GetProject() string
	GetJobId() int64
	GetRequestId() string
}

// doOnce sends a write, or answers what it was answered before if it has the request id of
// an earlier one.
func doOnce[Q write, A proto.Message](
	ctx context.Context, w *writes, method string, req Q, send func(context.Context, Q) (A, error),
) (answer A, err error) {
	if req.GetRequestId() == "" {
		return send(ctx, req)
	}
	call := upstream.CallFrom(ctx)
	owner := w.keys.Owner(call.Credential, call.Identity)
	deadline, hasDeadline := ctx.Deadline()
	got, again, err := w.store.Do(ctx, once.Write[*written]{
		Owner: owner, Key: w.keys.Key(owner, method, req.GetRequestId()), Content: w.keys.Content(content(req)), Proof: call.Credential.DPoP,
		Run: func(ctx context.Context) (*written, error) {
			if hasDeadline {
				ctx = upstream.WithPatience(ctx, deadline)
			}
			return runWrite(ctx, w, req, send)
		},
		Yes: func(ctx context.Context, earlier *written) error { return w.yes(ctx, req, earlier) },
	})
	if err != nil {
		if got != nil { // it was this very call's
			call.Quota = got.quota
		}
		return answer, err
	}
	call.Reply = upstream.Reply{Status: got.reply.Status, Header: got.reply.Header.Clone()}
	call.Lease, call.Frame = nil, nil
	if call.Quota = got.quota; again { // that was then
		call.Quota = nil
		call.Reply.Header.Set("Jobgate-Replayed", "true")
	}
	m := got.message.ProtoReflect().New()
	m.SetUnknown(got.message.ProtoReflect().GetUnknown())
	answer, _ = m.Interface().(A)
	return answer, nil
}

// content is all that a write asks for but its name.
func content(req write) string {
	m := proto.Clone(req)
	fields := m.ProtoReflect().Descriptor().Fields()
	m.ProtoReflect().Clear(fields.ByName("request_id"))
	bytes, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m) // fails for no message of ours
	return string(bytes)
}

// runWrite sends a write that goes on when its caller has gone, with nothing of the
// caller's that ends with him.
func runWrite[Q write, A proto.Message](
	ctx context.Context, w *writes, req Q, send func(context.Context, Q) (A, error),
) (*written, error) {
	caller := upstream.CallFrom(ctx)
	call := &upstream.Call{
		Credential: caller.Credential, Forward: caller.Forward, KeepRedirects: caller.KeepRedirects, Caller: caller.Caller,
	}
	defer func() {
		if why := recover(); why != nil {
			logPanic(ctx, w.log, call.Credential, why)
			panic(errPanic)
		}
	}()
	answer, err := send(upstream.WithCall(ctx, call), req)
	if err != nil {
		return &written{quota: call.Quota}, err
	}
	if call.Reply.Header == nil {
		call.Reply.Header = http.Header{}
	}
	return &written{answer, call.Reply, call.Quota}, nil
}

// yes asks GitLab whether a caller may read what an earlier write was answered. A trigger
// job cannot be read by itself, only with those of its pipeline; contract section 7.6.
func (w *writes) yes(ctx context.Context, req write, earlier *written) error {
	caller := upstream.CallFrom(ctx)
	ctx = upstream.WithCall(ctx, &upstream.Call{Credential: caller.Credential, Forward: caller.Forward, Caller: caller.Caller, Fresh: true})
	id, pipeline := req.GetJobId(), int64(0)
	if earlier != nil {
		id, pipeline = idsOf(earlier.message)
	}
	_, err := w.api.GetJob(ctx, &jobgatev1.GetJobRequest{Project: req.GetProject(), JobId: id})
	if e, ok := errors.AsType[*upstream.Error](err); ok && e.Status == http.StatusNotFound && pipeline != 0 {
		_, _, err = w.api.ListPipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{
			Project: req.GetProject(), PipelineId: pipeline, PageSize: 1,
		}, upstream.Position{})
	}
	return err
}

// idsOf are the numbers of a job, and of its pipeline, that a write was answered.
func idsOf(answer proto.Message) (job, pipeline int64) {
	wire := answer.ProtoReflect().GetUnknown()
	if _, ok := answer.(*jobgatev1.PlayJobResponse); ok {
		played := new(jobgatev1.PlayJobResponse)
		if proto.Unmarshal(wire, played) != nil {
			return 0, 0
		}
		if b := played.GetBridge(); b != nil {
			return b.GetId(), b.GetPipeline().GetId()
		}
		return played.GetJob().GetId(), played.GetJob().GetPipeline().GetId()
	}
	read := new(jobgatev1.Job)
	if proto.Unmarshal(wire, read) != nil {
		return 0, 0
	}
	return read.GetId(), read.GetPipeline().GetId()
}

// close waits for the writes under way, up to the end of ctx.
func (w *writes) close(ctx context.Context) { w.store.Close(ctx) }
