package isolation

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// grpcWay is a way for a secret into a call over gRPC.
type grpcWay struct {
	name   string
	token  bool // GitLab takes it for a credential
	key    string
	form   string // of the value, @ is the secret
	rpc    string
	call   func(secret string) proto.Message
	stream bool
}

const getJob = jobgatev1.JobService_GetJob_FullMethodName

func aJob(string) proto.Message { return &jobgatev1.GetJobRequest{Project: "1", JobId: 1000} }

var grpcWays = func() []grpcWay {
	var all []grpcWay
	inMetadata := func(token bool, key, form string) {
		all = append(all, grpcWay{name: "metadata " + key + " " + form, token: token, key: key, form: form, rpc: getJob, call: aJob})
	}
	inMetadata(true, "private-token", "@")
	inMetadata(true, "authorization", "Bearer @")
	inMetadata(true, "authorization", "bearer  @")
	inMetadata(true, "authorization", "@")
	inMetadata(true, "authorization", "Token token=@")
	inMetadata(true, "job-token", "@")
	inMetadata(true, "dpop", "e30.c2ln.@")
	for _, key := range []string{"cookie", "referer", "proxy-authorization", "x-api-key", "x-csrf-token", "jobgate-secret", "x-forwarded-authorization", "grpc-tags-bin", "secret-bin"} {
		inMetadata(false, key, "@")
	}
	message := func(name, rpc string, stream bool, call func(secret string) proto.Message) {
		all = append(all, grpcWay{name: name, rpc: rpc, stream: stream, call: call})
	}
	for _, token := range []struct{ key, form string }{{"private-token", "@"}, {"authorization", "Bearer @"}, {"job-token", "@"}} {
		for name, m := range map[string]*jobgatev1.ReadTraceRequest{
			"log": {Project: "1", JobId: 1000}, "followed log": {Project: "1", JobId: 1000, Follow: true},
			"tail": {Project: "1", JobId: 1000, Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 5}},
		} {
			all = append(all, grpcWay{
				name: name + " by " + token.key, token: true, key: token.key, form: token.form, stream: true,
				rpc: jobgatev1.TraceService_ReadTrace_FullMethodName, call: func(string) proto.Message { return m },
			})
		}
		all = append(all, grpcWay{
			name: "write by " + token.key, token: true, key: token.key, form: token.form, rpc: jobgatev1.JobService_CancelJob_FullMethodName,
			call: func(string) proto.Message { return &jobgatev1.CancelJobRequest{Project: "1", JobId: 1000} },
		}, grpcWay{
			name: "named write by " + token.key, token: true, key: token.key, form: token.form, rpc: jobgatev1.JobService_RetryJob_FullMethodName,
			call: func(secret string) proto.Message {
				return &jobgatev1.RetryJobRequest{Project: "1", JobId: 1000, RequestId: "named-" + secret}
			},
		})
	}
	message("request id", jobgatev1.JobService_CancelJob_FullMethodName, false, func(s string) proto.Message {
		return &jobgatev1.CancelJobRequest{Project: "1", JobId: 1000, RequestId: s}
	})
	message("bad request id", jobgatev1.JobService_CancelJob_FullMethodName, false, func(s string) proto.Message {
		return &jobgatev1.CancelJobRequest{Project: "1", JobId: 1000, RequestId: s + " with a space"}
	})
	message("extra parameter", getJob, false, func(s string) proto.Message {
		return &jobgatev1.GetJobRequest{Project: "1", JobId: 1000, ExtraParameters: []*jobgatev1.Parameter{{Name: "some", Value: s}}}
	})
	message("extra parameter of a credential", getJob, false, func(s string) proto.Message {
		return &jobgatev1.GetJobRequest{Project: "1", JobId: 1000, ExtraParameters: []*jobgatev1.Parameter{{Name: "private_token", Value: s}}}
	})
	message("variable", jobgatev1.JobService_PlayJob_FullMethodName, false, func(s string) proto.Message {
		return &jobgatev1.PlayJobRequest{Project: "1", JobId: 1000, JobVariablesAttributes: []*jobgatev1.JobVariable{{Key: "KEY", Value: s}}}
	})
	message("input", jobgatev1.JobService_RetryJob_FullMethodName, false, func(s string) proto.Message {
		return &jobgatev1.RetryJobRequest{Project: "1", JobId: 1000, Inputs: &structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewStringValue(s)}}}
	})
	message("page token", jobgatev1.JobService_ListProjectJobs_FullMethodName, false, func(s string) proto.Message {
		return &jobgatev1.ListProjectJobsRequest{Project: "1", PageToken: s}
	})
	message("cursor of a page", jobgatev1.JobService_ListProjectJobs_FullMethodName, false, func(s string) proto.Message {
		return &jobgatev1.ListProjectJobsRequest{Project: "1", Paging: &jobgatev1.GitlabPaging{Cursor: &s}}
	})
	message("ref", jobgatev1.JobService_ListProjectJobs_FullMethodName, false, func(s string) proto.Message {
		return &jobgatev1.ListProjectJobsRequest{Project: "1", Ref: &s}
	})
	message("cursor of a log", jobgatev1.TraceService_ReadTrace_FullMethodName, true, func(s string) proto.Message {
		return &jobgatev1.ReadTraceRequest{Project: "1", JobId: 1000, Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: s}}
	})
	message("an unknown method", "/jobgate.v1.JobService/Nothing", false, aJob)
	return all
}()

// send makes the call.
func (way grpcWay) send(ctx context.Context, conn *grpc.ClientConn, secret string) (all []byte) {
	md := metadata.MD{}
	if way.key != "" {
		md.Set(way.key, strings.ReplaceAll(way.form, "@", secret))
	} else {
		md.Set("private-token", "glpat-of-somebody")
	}
	ctx = metadata.NewOutgoingContext(ctx, md)
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, way.rpc)
	if err == nil {
		_ = stream.SendMsg(way.call(secret))
		_ = stream.CloseSend()
		for err == nil {
			var b []byte
			if err = stream.RecvMsg(&b); err == nil {
				all = append(all, b...)
			}
		}
		header, _ := stream.Header()
		for _, md := range []metadata.MD{header, stream.Trailer()} {
			for key, values := range md {
				all = fmt.Append(all, key, values) // a metadata.MD would print no values
			}
		}
	}
	if err != nil {
		all = append(all, err.Error()...)
		all = append(all, statusBytes(err)...)
	}
	return all
}

// restWay is a way for a secret into a call over HTTP.
type restWay struct {
	name   string
	field  bool // GitLab is sent it in a header of the credential
	method string
	path   string // @ is the secret
	header map[string]string
	body   string
	kind   string // of the body
}

var restWays = func() []restWay {
	const job = "/api/v4/projects/1/jobs/1000"
	var all []restWay
	in := func(way restWay) {
		if way.method == "" {
			way.method = http.MethodGet
		}
		if way.path == "" {
			way.path = job
		}
		all = append(all, way)
	}
	for header, form := range map[string]string{
		"Private-Token": "@", "Authorization": "Bearer @", "Job-Token": "@", "Dpop": "e30.c2ln.@",
		"Cookie": "_gitlab_session=@", "Referer": "http://page.test/?private_token=@", "Proxy-Authorization": "Basic @",
		"X-Csrf-Token": "@", "X-Api-Key": "@", "X-Forwarded-For": "@", "X-Forwarded-Host": "@", "If-None-Match": `"@"`,
		"Last-Event-Id": "@", "Jobgate-Request-Id": "@", "Range": "bytes=@", "Accept": "text/@", "Jobgate-Secret": "@",
		"Origin": "http://@", "Expect": "@", "Te": "@",
	} {
		field := slices.Contains(credentialHeaders, header)
		in(restWay{name: "header " + header, field: field, header: map[string]string{header: form}})
		in(restWay{name: "header of a log " + header, field: field, path: job + "/trace", header: map[string]string{header: form}})
		in(restWay{name: "header of events " + header, field: field, path: job + "/trace?follow=true", header: map[string]string{"Accept": "text/event-stream", header: form}})
		in(restWay{name: "header of a write " + header, field: field, method: http.MethodPost, path: job + "/cancel", header: map[string]string{header: form}})
		in(restWay{name: "header of a relayed request " + header, field: field, path: job + "/?per_page=abc", header: map[string]string{header: form}})
	}
	for _, param := range []string{"private_token", "access_token", "bearer_token", "job_token", "token", "private_token[]", "[private_token]", "PRIVATE_TOKEN", "private%5Ftoken", "some", "sudo"} {
		for _, path := range []string{job, "/api/v4/projects/1/jobs", job + "/trace", "/api/v4/projects/1/pipelines/5/bridges", job + ".json", "/api/v4/user", "/api/v3/x", "/healthz", "/", "/elsewhere", job + "/artifacts"} {
			in(restWay{name: "parameter " + param + " of " + path, path: path + "?" + param + "=@"})
		}
		in(restWay{name: "two parameters " + param, path: job + "?access_token=@&bearer_token=@&" + param + "=@"})
		in(restWay{name: "parameter and header " + param, path: job + "?access_token=@&" + param + "=@", header: map[string]string{"Private-Token": "glpat-of-somebody"}})
		in(restWay{name: "odd query " + param, path: job + "?a;" + param + "=@"})
		in(restWay{name: "broken query " + param, path: job + "?" + param + "=%zz@"})
		in(restWay{name: "HEAD " + param, method: http.MethodHead, path: job + "?" + param + "=@"})
		in(restWay{name: "OPTIONS " + param, method: http.MethodOptions, path: job + "?" + param + "=@"})
		in(restWay{name: "PROPFIND " + param, method: "PROPFIND", path: job + "?" + param + "=@"})
		in(restWay{name: "too long " + param, path: job + "?" + param + "=@" + strings.Repeat("x", 70<<10)})
		for kind, body := range map[string]string{
			"application/x-www-form-urlencoded": param + "=@", "application/json": `{"` + param + `":"@"}`, "application/json;": `{"` + param + `":"@"`,
			"text/plain": param + "=@", "": param + "=@", "multipart/form-data": param + "=@",
		} {
			in(restWay{name: "body " + kind + " " + param, method: http.MethodPost, path: job + "/play", kind: kind, body: body})
			in(restWay{name: "body of an unknown route " + kind + " " + param, method: http.MethodPost, path: job + "/nothing", kind: kind, body: body})
		}
		in(restWay{name: "multipart " + param, method: http.MethodPost, path: job + "/play", kind: "multipart", body: param})
	}
	in(restWay{name: "variables", method: http.MethodPost, path: job + "/play", kind: "application/json", body: `{"job_variables_attributes":[{"key":"A","value":"@"}]}`})
	in(restWay{name: "inputs", method: http.MethodPost, path: job + "/retry", kind: "application/json", body: `{"inputs":{"a":"@"}}`})
	in(restWay{name: "basic", header: map[string]string{"Authorization": "basic"}})
	return all
}()

// send makes the request, as raw bytes where a client would refuse to.
func (way restWay) send(ctx context.Context, client *http.Client, base, secret string) (all []byte, status int) {
	fill := func(form string) string { return strings.ReplaceAll(form, "@", secret) }
	body := []byte(fill(way.body))
	kind := way.kind
	if kind == "multipart" {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		_ = m.WriteField(way.body, secret)
		_ = m.Close()
		body, kind = b.Bytes(), m.FormDataContentType()
	}
	u, err := url.Parse(base + "/")
	if err != nil {
		return nil, 0
	}
	path, query, _ := strings.Cut(fill(way.path), "?")
	u.Path, u.RawQuery = path, query
	req, err := http.NewRequestWithContext(ctx, way.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, 0
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for name, form := range way.header {
		if form == "basic" {
			req.SetBasicAuth("user", secret)
			continue
		}
		req.Header.Set(name, fill(form))
	}
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		return nil, 0
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	_ = resp.Header.Write(&b)
	_, _ = b.ReadFrom(resp.Body)
	return b.Bytes(), resp.StatusCode
}
