package grpc

import (
	"encoding/json"
	"os"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// methodConfig is what the rules below look at.
type methodConfig struct {
	Name         []struct{ Service, Method string }
	Timeout      string
	WaitForReady bool
	RetryPolicy  *struct{ RetryableStatusCodes []string }
}

// TestServiceConfig holds the file to its rules: each method of the contract is named once, a
// write is never retried and waits for a connection, reads are retried on UNAVAILABLE
// alone, and only streams have no timeout.
func TestServiceConfig(t *testing.T) {
	text, err := os.ReadFile("service-config.json")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///none", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(string(text)))
	if err != nil {
		t.Fatal(err) // gRPC checks it
	}
	defer conn.Close()

	var config struct{ MethodConfig []methodConfig }
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	named := map[protoreflect.FullName]methodConfig{}
	for _, one := range config.MethodConfig {
		for _, name := range one.Name {
			full := protoreflect.FullName(name.Service + "." + name.Method)
			if _, twice := named[full]; twice || name.Method == "" {
				t.Errorf("%s is named twice, or for all methods", full)
			}
			named[full] = one
		}
	}
	for _, file := range []protoreflect.FileDescriptor{
		jobgatev1.File_jobgate_v1_job_service_proto, jobgatev1.File_jobgate_v1_bridge_service_proto,
		jobgatev1.File_jobgate_v1_agent_service_proto, jobgatev1.File_jobgate_v1_trace_service_proto,
	} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				method := methods.Get(j)
				config, ok := named[method.FullName()]
				if !ok {
					t.Errorf("%s is not named", method.FullName())
				}
				checkMethod(t, method, config)
				delete(named, method.FullName())
			}
		}
	}
	for name := range named {
		t.Errorf("there is no method %s", name)
	}
}

func checkMethod(t *testing.T, method protoreflect.MethodDescriptor, config methodConfig) {
	t.Helper()
	options, _ := method.Options().(*descriptorpb.MethodOptions)
	read := options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
	if read != (config.RetryPolicy != nil) || read == config.WaitForReady {
		t.Errorf("%s: a read is retried, a write waits for a connection, and nothing else", method.FullName())
	}
	if p := config.RetryPolicy; p != nil && (len(p.RetryableStatusCodes) != 1 || p.RetryableStatusCodes[0] != "UNAVAILABLE") {
		t.Errorf("%s: retried on %v", method.FullName(), p.RetryableStatusCodes)
	}
	if method.IsStreamingServer() != (config.Timeout == "") {
		t.Errorf("%s: only a stream has no timeout", method.FullName())
	}
}
