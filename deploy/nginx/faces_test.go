package nginx

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// dial is a client of the gateways behind nginx, with the service config that is published.
func (f *front) dial(options ...grpc.DialOption) *grpc.ClientConn {
	f.t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+f.addr, append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(f.tls())),
		grpc.WithDefaultServiceConfig(readFile(f.t, "../grpc/service-config.json")),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 10 * time.Second,
		}),
	}, options...)...)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// web is a client of the REST face, over HTTP/1.1 or HTTP/2.
func (f *front) web(http2 bool) *http.Client {
	transport := &http.Transport{TLSClientConfig: f.tls(), ForceAttemptHTTP2: http2, MaxIdleConnsPerHost: 8}
	f.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (f *front) get(ctx context.Context, client *http.Client, path, token string, header ...string) (*http.Response, error) {
	return get(ctx, client, "https://"+f.addr+path, token, header...)
}

func get(ctx context.Context, client *http.Client, url, token string, header ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Private-Token", token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return client.Do(r)
}

func as(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "private-token", token)
}

func TestBothFacesThroughNginx(t *testing.T) {
	findNginx(t)
	g := startGitLab(t)
	two := startTwo(t, g)
	f := startFront(t, two[0].line(), two[1].line())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	for _, http2 := range []bool{false, true} {
		client := f.web(http2)
		t.Run(fmt.Sprintf("REST, HTTP/2 %v", http2), func(t *testing.T) { f.checkREST(ctx, t, client, two[0].http) })
		t.Run(fmt.Sprintf("events at once, HTTP/2 %v", http2), func(t *testing.T) { f.checkEvents(ctx, t, client, g) })
	}
	t.Run("a project is passed on as it was sent", func(t *testing.T) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.other) > 0 {
			t.Errorf("arrived decoded: %q", g.other)
		}
	})
	t.Run("gRPC", func(t *testing.T) { checkGRPC(ctx, t, jobgatev1.NewJobServiceClient(f.dial())) })
	t.Run("followers of a job meet on one gateway", func(t *testing.T) { f.checkMeeting(ctx, t, g, two) })
	for _, p := range two {
		if _, err := p.terminate(); err != nil {
			t.Error(err)
		}
	}
	t.Run("nobody there", func(t *testing.T) { f.checkNobody(ctx, t) })
	t.Run("no token in nginx's logs", func(t *testing.T) {
		answer, err := f.get(ctx, f.web(false), "/api/v4/job?private_token=glpat-canary", "")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		for _, name := range []string{"jobgate.log", "jobgate-error.log"} {
			if text := readFile(t, f.dir+"/"+name); strings.Contains(text, "glpat-") {
				t.Errorf("a token is in %s", name)
			}
		}
	})
}

// checkREST compares with the answers of a gateway that is asked directly.
func (f *front) checkREST(ctx context.Context, t *testing.T, client *http.Client, direct string) {
	t.Helper()
	for _, path := range []string{
		"/healthz",
		"/api/v4/projects/acme%2Fwidgets/jobs/101",
		"/api/v4/projects/acme%2fwidgets/jobs/101",
		"/api/v4/projects/acme%2Fwidgets/jobs/101.json",
		"/api/v4/projects/acme%2Fwidgets/jobs/101/trace",
		"/api/v4/projects/acme%2Fwidgets/jobs?scope[]=failed&scope%5B%5D=success&per_page=1",
		"/api/v4/projects/acme%2Fno%20where/jobs/101",
		"/api/v4/projects/acme%252Fwidgets/jobs/101",
		"/api/v4/projects/acme/gadgets/jobs/101",
		"/api/v4/projects/acme%2Fwidgets//jobs/101",
		"/api/v4/projects/acme%2Fwidgets/jobs/101?ref=" + strings.Repeat("a", 40_000),
		"/api/v4/user",
	} {
		var got [2]string
		for i, base := range []string{"http://" + direct, "https://" + f.addr} {
			answer, err := get(ctx, client, base+path, sandbox.TokenDeveloper)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			text := fmt.Sprintf("%s\nLink: %s\n%s", answer.Status, answer.Header.Get("Link"), body)
			got[i] = strings.ReplaceAll(text, base+"/", "https://jobs.example.com/")
		}
		if got[0] != got[1] {
			t.Errorf("%.80s is\n%.400s\nbut through nginx\n%.400s", path, got[0], got[1])
		}
	}
}

// checkEvents looks whether an event arrives before the next one is made.
func (f *front) checkEvents(ctx context.Context, t *testing.T, client *http.Client, g *gitlab) {
	t.Helper()
	job := g.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "running"}}, Log: []byte("first\n")})
	answer, err := f.get(ctx, client, fmt.Sprintf("/api/v4/projects/acme%%2Fwidgets/jobs/%d/trace?follow=true", job),
		sandbox.TokenDeveloper, "Accept", "text/event-stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	events := newEvents(answer.Body)
	for i, want := range []string{"first\n", "second\n", "third\n"} {
		var got []byte
		for string(got) != want {
			e, err := events.next()
			if err != nil {
				t.Fatalf("waiting for %q: %v", want, err)
			}
			got = append(got, e.data...)
		}
		if i < 2 {
			g.GrowTrace(job, []byte([]string{"second\n", "third\n"}[i]))
		}
	}
	g.SetStatus(job, "success")
	for {
		e, err := events.next()
		if err != nil {
			t.Fatalf("waiting for the end: %v", err)
		}
		if e.name == "end" {
			return
		}
	}
}

func checkGRPC(ctx context.Context, t *testing.T, jobs jobgatev1.JobServiceClient) {
	t.Helper()
	ctx = as(ctx, sandbox.TokenDeveloper)
	answer, err := jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: sandbox.JobSuccess})
	if err != nil || answer.GetId() != sandbox.JobSuccess {
		t.Errorf("GetJob: %v, %v", answer.GetId(), err)
	}
	_, err = jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: 99})
	if s := status.Convert(err); s.Code() != codes.NotFound || len(s.Details()) < 2 {
		t.Errorf("GetJob of none: %v with %d details", err, len(s.Details()))
	}
	_, err = jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: strings.Repeat("a", 6<<20), JobId: 99})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a request that is too large: %v", err)
	}
}

func (f *front) checkMeeting(ctx context.Context, t *testing.T, g *gitlab, two [2]*process) {
	t.Helper()
	job := g.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "running"}}, Log: []byte("log\n")})
	defer g.SetStatus(job, "success")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range 8 {
		ctx := metadata.AppendToOutgoingContext(as(ctx, sandbox.TokenDeveloper), "x-job", fmt.Sprint("acme/widgets/", job))
		log := follow.Log(ctx, jobgatev1.NewTraceServiceClient(f.dial()),
			&jobgatev1.ReadTraceRequest{Project: "acme/widgets", JobId: job, Follow: true})
		for _, err := range log.Bytes() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		stream, err := jobgatev1.NewTraceServiceClient(f.dial()).ReadTrace(ctx,
			&jobgatev1.ReadTraceRequest{Project: "acme/widgets", JobId: job, Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	a, b := two[0].metric(t, "jobgate_log_readers"), two[1].metric(t, "jobgate_log_readers")
	if a+b != 8 || a*b != 0 {
		t.Errorf("%v and %v followers on the gateways, want all 8 on one", a, b)
	}
}

// checkNobody looks at what nginx says when no gateway answers.
func (f *front) checkNobody(ctx context.Context, t *testing.T) {
	t.Helper()
	ctx = as(ctx, sandbox.TokenMaintainer)
	jobs := jobgatev1.NewJobServiceClient(f.dial(grpc.WithDisableRetry()))
	_, err := jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: sandbox.JobSuccess})
	if s := status.Convert(err); s.Code() != codes.Unavailable || s.Message() != "no gateway answers" {
		t.Errorf("a read: %v", err)
	}
	_, err = jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "acme/widgets", JobId: sandbox.JobRunning})
	if s := status.Convert(err); s.Code() != codes.Unknown || !strings.Contains(s.Message(), "may have been done") {
		t.Errorf("a write: %v", err)
	}
}

// events reads server-sent events.
type events struct{ lines *bufio.Reader }

type event struct {
	id, name string
	data     []byte
	offset   int64
}

func newEvents(r io.Reader) *events { return &events{bufio.NewReader(r)} }

func (e *events) next() (event, error) {
	var one event
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			return one, err
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "":
			if one.name != "" {
				return one, nil
			}
		case "id":
			one.id = value
		case "event":
			one.name = value
		case "data":
			var body struct {
				Data   string
				Offset json.Number
			}
			if err := json.Unmarshal([]byte(value), &body); err != nil {
				return one, err
			}
			one.offset, _ = body.Offset.Int64()
			if one.data, err = base64.StdEncoding.DecodeString(body.Data); err != nil {
				return one, err
			}
		}
	}
}
