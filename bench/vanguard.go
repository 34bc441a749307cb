package main

import (
	"net"
	"net/http"
	"time"

	"connectrpc.com/vanguard"
	"google.golang.org/genproto/googleapis/api/annotations"

	restbenchv1 "github.com/jobgate/jobgate/bench/gen/restbench/v1"
)

// vanguardRules are the routes of the two calls. vanguard reads GitLab's bare
// array as the field that response_body names.
var vanguardRules = []*annotations.HttpRule{
	{
		Selector: "restbench.v1.JobService.GetJob",
		Pattern:  &annotations.HttpRule_Get{Get: "/api/v4/projects/{project}/jobs/{job_id}"},
	},
	{
		Selector:     "restbench.v1.JobService.ListProjectJobs",
		Pattern:      &annotations.HttpRule_Get{Get: "/api/v4/projects/{project}/jobs"},
		ResponseBody: "jobs",
	},
}

// serveVanguard is a gateway without code of its own: vanguard transcodes gRPC
// to REST by the routes, and a reverse proxy carries the REST calls upstream.
func serveVanguard(lis net.Listener, cfg roleConfig) error {
	backend, err := reverseProxy(cfg.upstream)
	if err != nil {
		return err
	}
	service := vanguard.NewServiceWithSchema(
		restbenchv1.File_restbench_v1_restbench_proto.Services().ByName("JobService"),
		backend,
		vanguard.WithTargetProtocols(vanguard.ProtocolREST),
		vanguard.WithNoTargetCompression(),
	)
	transcoder, err := vanguard.NewTranscoder([]*vanguard.Service{service}, vanguard.WithRules(vanguardRules...))
	if err != nil {
		return err
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler:           transcoder,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 1000},
		ReadHeaderTimeout: time.Minute,
	}
	return server.Serve(lis)
}
