package faults

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/structpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// shape is a form that the request for a write may have.
type shape struct {
	name, verb string
	query      string // with "?"
	header     string
	body       func(w *write) string // as it is sent
	plain      bool                  // the write is that of [write.overGRPC]
	call       func(ctx context.Context, g *gateway, w *write, a *attempt) error
}

// request is the request over REST, byte for byte.
func (s shape) request(w *write, name string) string {
	id := ""
	if w.id != "" {
		id = "Jobgate-Request-Id: " + w.id + "\r\n"
	}
	body := ""
	header := s.header
	if s.body != nil {
		body = s.body(w)
	}
	if !strings.Contains(header, "chunked") {
		header += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return "POST " + w.path() + s.query + " HTTP/1.1\r\n" + headOfAll + "Dpop: " + name + "\r\n" + id + header + "\r\n" + body
}

// chunks are the pieces of a text as they are sent in chunks.
func chunks(pieces ...string) string {
	var out strings.Builder
	for _, piece := range pieces {
		fmt.Fprintf(&out, "%x\r\n%s\r\n", len(piece), piece)
	}
	return out.String() + "0\r\n"
}

const (
	isJSON    = "Content-Type: application/json\r\n"
	isForm    = "Content-Type: application/x-www-form-urlencoded\r\n"
	isChunked = "Transfer-Encoding: chunked\r\n"
)

// shapes are those over REST.
func shapes() []shape {
	return []shape{
		{name: "without a body", verb: "cancel", plain: true},
		{name: "JSON", verb: "cancel", header: isJSON, body: func(*write) string { return `{"force":true}` }},
		{name: "JSON that waits", verb: "retry", header: isJSON + "Expect: 100-continue\r\n", body: func(*write) string { return `{"inputs":{"environment":"production","dry_run":true}}` }},
		{name: "JSON in chunks", verb: "play", plain: true, header: isJSON + isChunked, body: func(w *write) string {
			return chunks(`{"job_variables_attributes"`, `:[{"key":"WHY","value"`, fmt.Sprintf(":%q}]}", w.path())) + "\r\n"
		}},
		{name: "empty JSON, then more of it, in chunks", verb: "retry", header: isJSON + isChunked, body: func(*write) string {
			return chunks(`{}`, strings.Repeat(" ", 20)) + "\r\n"
		}},
		{name: "form", verb: "cancel", header: isForm, body: func(*write) string { return "force=true" }},
		{name: "form in chunks with a trailer, as it comes", verb: "play", query: "?purpose=none", header: isForm + isChunked + "Trailer: X-Sum\r\n", body: func(w *write) string {
			return chunks("job_variables_attributes[][key]=WHY&", "job_variables_attributes[][value]="+w.path()) + "X-Sum: 1\r\n\r\n"
		}},
		{name: "query", verb: "cancel", query: "?force=true"},
		{name: "erase", verb: "erase", plain: true, header: isForm},
	}
}

// calls are those over gRPC.
func calls() []shape {
	as := func(ctx context.Context, a *attempt) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "private-token", sandbox.TokenMaintainer, "dpop", a.name)
	}
	all := []shape{
		{name: "cancel by force", verb: "cancel", call: func(ctx context.Context, g *gateway, w *write, a *attempt) (err error) {
			a.job, err = g.jobs.CancelJob(as(ctx, a), &jobgatev1.CancelJobRequest{Project: "1", JobId: w.job, RequestId: w.id, Force: new(true)})
			return err
		}},
		{name: "retry with inputs", verb: "retry", call: func(ctx context.Context, g *gateway, w *write, a *attempt) error {
			inputs, err := structpb.NewStruct(map[string]any{"environment": "production", "dry_run": true})
			if err == nil {
				a.job, err = g.jobs.RetryJob(as(ctx, a), &jobgatev1.RetryJobRequest{Project: "1", JobId: w.job, RequestId: w.id, Inputs: inputs})
			}
			return err
		}},
	}
	for _, verb := range verbs {
		all = append(all, shape{name: verb, verb: verb, plain: true, call: func(ctx context.Context, g *gateway, w *write, a *attempt) error {
			return w.overGRPC(ctx, g, a)
		}})
	}
	return all
}
