package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	gwruntime "github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/bench/payload"
	gateway "github.com/jobgate/jobgate/gen/gateway/jobgate/v1"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
)

// linkCallers call at the same time.
const linkCallers = 16

// canned answers the same wire-backed job always.
type canned struct {
	jobgatev1.UnimplementedJobServiceServer
	job *jobgatev1.Job
}

func (c *canned) GetJob(context.Context, *jobgatev1.GetJobRequest) (*jobgatev1.Job, error) {
	return c.job, nil
}

// newCanned answers the first job of a current GitLab; text is its JSON.
func newCanned(tb testing.TB) (service *canned, text []byte) {
	tb.Helper()
	text, err := payload.Variants[0].Job(0)
	if err != nil {
		tb.Fatal(err)
	}
	wire, err := gitlabjson.TableOf(&jobgatev1.Job{}).AppendWire(nil, text)
	if err != nil {
		tb.Fatal(err)
	}
	service = &canned{job: new(jobgatev1.Job)}
	service.job.ProtoReflect().SetUnknown(wire)
	return service, text
}

// byReference is the channel as the REST face uses it.
type byReference struct{ *inproc.Channel }

func (c byReference) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.Channel.Invoke(inproc.WithCaller(ctx, &inproc.Caller{ByReference: true}), method, args, reply, opts...)
}

// newLink opens a link to the service.
func newLink(tb testing.TB, name string, service jobgatev1.JobServiceServer) grpc.ClientConnInterface {
	tb.Helper()
	channel := inproc.New(nil, nil)
	jobgatev1.RegisterJobServiceServer(channel, service)
	switch name {
	case "reference":
		return byReference{channel}
	case "typed":
		return channel
	case "bufconn":
		lis := bufconn.Listen(256 << 10)
		return dialLink(tb, lis, service, func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) })
	}
	addr := "127.0.0.1:0"
	if name == "unix" {
		addr = filepath.Join(tb.TempDir(), "link")
	}
	lis, err := net.Listen(name, addr)
	if err != nil {
		tb.Fatal(err)
	}
	return dialLink(tb, lis, service, func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, name, lis.Addr().String())
	})
}

// dialLink serves the service by grpc-go, and connects to it.
func dialLink(
	tb testing.TB, lis net.Listener, service jobgatev1.JobServiceServer, dial func(context.Context, string) (net.Conn, error),
) grpc.ClientConnInterface {
	tb.Helper()
	s := grpc.NewServer()
	jobgatev1.RegisterJobServiceServer(s, service)
	go func() { _ = s.Serve(lis) }()
	tb.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///link", grpc.WithContextDialer(dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

// jobJSON is a marshaler of GitLab's JSON, for jobs that are wire-backed or not.
type jobJSON struct{ *gwruntime.JSONPb }

func (jobJSON) Marshal(v any) ([]byte, error) {
	job := v.(*jobgatev1.Job)
	wire := []byte(job.ProtoReflect().GetUnknown())
	if job.GetId() != 0 {
		var err error
		if wire, err = proto.Marshal(job); err != nil {
			return nil, err
		}
	}
	return gitlabjson.TableOf(job).AppendJSON(make([]byte, 0, 2*len(wire)), wire)
}

// newLinkFace is grpc-gateway in front of a link.
func newLinkFace(tb testing.TB, name string, service jobgatev1.JobServiceServer) http.Handler {
	tb.Helper()
	mux := gwruntime.NewServeMux(gwruntime.WithMarshalerOption(gwruntime.MIMEWildcard, jobJSON{new(gwruntime.JSONPb)}))
	var err error
	if name == "direct" {
		err = gateway.RegisterJobServiceHandlerServer(tb.Context(), mux, service)
	} else {
		err = gateway.RegisterJobServiceHandlerClient(tb.Context(), mux, jobgatev1.NewJobServiceClient(newLink(tb, name, service)))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return mux
}

const linkPath = "/api/v4/projects/101/jobs/13372360000"

// TestLinksAnswerTheSame compares the JSON behind each link with GitLab's.
func TestLinksAnswerTheSame(t *testing.T) {
	service, text := newCanned(t)
	for _, link := range links {
		t.Run(link.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			newLinkFace(t, link.name, service).ServeHTTP(w, httptest.NewRequest(http.MethodGet, linkPath, nil))
			if same, err := sameJSON(text, w.Body.Bytes()); w.Code != http.StatusOK || err != nil || !same {
				t.Errorf("%d %v %s", w.Code, err, w.Body)
			}
		})
	}
}

// discard is an answer that nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkLink measures the links from grpc-gateway to a service: the call alone, and
// the whole of a REST request but for net/http.
func BenchmarkLink(b *testing.B) {
	service, _ := newCanned(b)
	for _, link := range links {
		b.Run("call/"+link.name, func(b *testing.B) {
			get := service.GetJob
			if link.name != "direct" {
				client := jobgatev1.NewJobServiceClient(newLink(b, link.name, service))
				get = func(ctx context.Context, req *jobgatev1.GetJobRequest) (*jobgatev1.Job, error) {
					return client.GetJob(ctx, req)
				}
			}
			linkLoad(b, func() func() error {
				return func() error {
					_, err := get(b.Context(), &jobgatev1.GetJobRequest{Project: "101", JobId: payload.JobID(0)})
					return err
				}
			})
		})
		b.Run("rest/"+link.name, func(b *testing.B) {
			face := newLinkFace(b, link.name, service)
			linkLoad(b, func() func() error {
				r := httptest.NewRequest(http.MethodGet, linkPath, nil)
				w := &discard{http.Header{}}
				return func() error {
					clear(w.header)
					face.ServeHTTP(w, r)
					return nil
				}
			})
		})
	}
}

// linkLoad makes calls with all callers and tells the processor time per call, which
// is that of client and server.
func linkLoad(b *testing.B, caller func() (one func() error)) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(max(linkCallers/runtime.GOMAXPROCS(0), 1))
	before, err := cpuTime(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		one := caller()
		for pb.Next() {
			if err := one(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	after, err := cpuTime(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(after-before)/float64(b.N), cpuUnit)
}
