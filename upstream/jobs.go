package upstream

import (
	"context"
	"errors"
	"net/http"

	"google.golang.org/protobuf/encoding/protowire"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
)

var (
	jobTable    = gitlabjson.TableOf(&jobgatev1.Job{})
	bridgeTable = gitlabjson.TableOf(&jobgatev1.Bridge{})
)

// GetJob gets a job; contract section 7.6.
func (c *Client) GetJob(ctx context.Context, req *jobgatev1.GetJobRequest) (*jobgatev1.Job, error) {
	r, err := c.jobRequest(http.MethodGet, "get job", req.GetProject(), req.GetJobId(), "")
	if err != nil {
		return nil, err
	}
	if err := r.query.extra(req.GetExtraParameters()); err != nil {
		return nil, r.invalid(err)
	}
	r.finishes = true
	return c.job(ctx, r)
}

// GetTokenJob gets the job whose token is the credential; contract section 7.4.
func (c *Client) GetTokenJob(ctx context.Context, req *jobgatev1.GetTokenJobRequest) (*jobgatev1.Job, error) {
	r, err := c.tokenRequest("get the job of the token", "/job", req.GetExtraParameters())
	if err != nil {
		return nil, err
	}
	return c.job(ctx, r)
}

// CancelJob cancels a job; contract section 7.8. It is sent once. If GitLab's answer is
// lost, the job is read, and is the answer if that proves that it was canceled just then.
func (c *Client) CancelJob(ctx context.Context, req *jobgatev1.CancelJobRequest) (*jobgatev1.Job, error) {
	r, err := c.jobRequest(http.MethodPost, "cancel job", req.GetProject(), req.GetJobId(), "/cancel")
	if err != nil {
		return nil, err
	}
	r.query.optionalBool("force", req.Force)
	if err := r.query.extra(req.GetExtraParameters()); err != nil {
		return nil, r.invalid(err)
	}
	return c.settled(ctx, r, canceledAt)
}

// RetryJob retries a job or trigger job and returns the new one; contract section
// 7.9. It is sent once.
func (c *Client) RetryJob(ctx context.Context, req *jobgatev1.RetryJobRequest) (*jobgatev1.Job, error) {
	r, err := c.jobRequest(http.MethodPost, "retry job", req.GetProject(), req.GetJobId(), "/retry")
	if err != nil {
		return nil, err
	}
	body, err := retryBody(req)
	if err != nil {
		return nil, r.invalid(err)
	}
	r.json(body)
	if err := r.query.extra(req.GetExtraParameters()); err != nil {
		return nil, r.invalid(err)
	}
	return c.job(ctx, r)
}

// EraseJob erases log and artifacts of a job; contract section 7.10. It is sent
// once. A lost answer is dealt with as that of [Client.CancelJob] is.
func (c *Client) EraseJob(ctx context.Context, req *jobgatev1.EraseJobRequest) (*jobgatev1.Job, error) {
	r, err := c.jobRequest(http.MethodPost, "erase job", req.GetProject(), req.GetJobId(), "/erase")
	if err != nil {
		return nil, err
	}
	if err := r.query.extra(req.GetExtraParameters()); err != nil {
		return nil, r.invalid(err)
	}
	return c.settled(ctx, r, erasedAt)
}

// PlayJob starts a manual or delayed job, or a trigger job; contract section 7.11.
// It is sent once.
func (c *Client) PlayJob(ctx context.Context, req *jobgatev1.PlayJobRequest) (*jobgatev1.PlayJobResponse, error) {
	r, err := c.jobRequest(http.MethodPost, "play job", req.GetProject(), req.GetJobId(), "/play")
	if err != nil {
		return nil, err
	}
	body, err := playBody(req)
	if err != nil {
		return nil, r.invalid(err)
	}
	r.json(body)
	if err := r.query.extra(req.GetExtraParameters()); err != nil {
		return nil, r.invalid(err)
	}
	wire, _, err := c.fetch(ctx, r, encodePlayed)
	if err != nil {
		return nil, err
	}
	played := new(jobgatev1.PlayJobResponse)
	played.ProtoReflect().SetUnknown(wire)
	return played, nil
}

func (c *Client) job(ctx context.Context, r *request) (*jobgatev1.Job, error) {
	wire, _, err := c.fetch(ctx, r, encodeJob)
	if err != nil {
		return nil, err
	}
	job := new(jobgatev1.Job)
	job.ProtoReflect().SetUnknown(wire)
	return job, nil
}

// errNoJob is of an object that is no job: what a front end says when it took a write to
// do it later, say.
var errNoJob = errors.New("gitlab answered an object without an id, which is no job")

func encodeJob(dst, json []byte) ([]byte, error) {
	begin := len(dst)
	wire, err := jobTable.AppendWire(dst, json)
	if err == nil && !hasID(wire[begin:]) && !gitlabjson.HasMember(json, "id") {
		err = errNoJob
	}
	return wire, err
}

// hasID says whether a job, or trigger job, as wire bytes, has an id that is a number.
func hasID(wire []byte) bool {
	for len(wire) > 0 {
		number, kind, n := protowire.ConsumeField(wire)
		if number == 1 || n < 0 { // of either message; mostly it is the first
			return kind == protowire.VarintType && n >= 0
		}
		wire = wire[n:]
	}
	return false
}

// encodePlayed tells a trigger job by its `downstream_pipeline`, which is always
// there; contract section 8.3. Its field numbers are those of PlayJobResponse.
func encodePlayed(dst, json []byte) ([]byte, error) {
	table, field := jobTable, protowire.Number(1)
	if gitlabjson.HasMember(json, "downstream_pipeline") && !gitlabjson.HasMember(json, "artifacts") {
		table, field = bridgeTable, 2
	}
	entity, err := table.AppendWire(make([]byte, 0, len(json)*3/4), json)
	if err != nil {
		return dst, err
	}
	if !hasID(entity) && !gitlabjson.HasMember(json, "id") {
		return dst, errNoJob
	}
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return protowire.AppendBytes(dst, entity), nil
}
