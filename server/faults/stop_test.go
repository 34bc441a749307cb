package faults

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
)

// watched tells when the body of an answer is first read.
type watched struct {
	*http.Transport

	reads chan<- struct{}
}

// RoundTrip implements [http.RoundTripper].
func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.Transport.RoundTrip(req)
	if err == nil {
		resp.Body = &watchedBody{resp.Body, sync.OnceFunc(func() { w.reads <- struct{}{} })}
	}
	return resp, err
}

type watchedBody struct {
	io.ReadCloser

	begun func()
}

// Read implements [io.Reader].
func (b *watchedBody) Read(p []byte) (int, error) {
	b.begun()
	return b.ReadCloser.Read(p)
}

// A write that GitLab has answered with 500 may have been done, also if the gateway stops just
// then: it must not be told as one that was not sent.
func TestStopDoesNotHideThatAWriteFailed(t *testing.T) {
	gitlab := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"message":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	reads := make(chan struct{}, 2) // the gateway knows the status, and reads what GitLab says
	g := start(t, "http://"+serveHTTP(t, gitlab), setting{
		Config: server.Config{ShutdownTimeout: 10 * time.Millisecond},
		client: []upstream.Option{upstream.WithTransport(watched{new(http.Transport), reads})},
	})
	over := make(chan error, 1)
	go func() {
		_, err := g.jobs.RetryJob(metadata.AppendToOutgoingContext(t.Context(), "private-token", "x"), &jobgatev1.RetryJobRequest{Project: "1", JobId: 1})
		over <- err
	}()
	rest := make(chan string, 1)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/api/v4/projects/1/jobs/1/retry", http.NoBody)
		resp, err := g.web.Do(req)
		if err != nil {
			rest <- err.Error()
			return
		}
		body, err := io.ReadAll(resp.Body)
		rest <- resp.Status + " " + string(body)
		_ = err
	}()
	<-reads
	<-reads
	g.stop()
	if err := <-over; status.Code(err) == codes.Unavailable {
		t.Errorf("%v", err)
	} else {
		t.Log(err)
	}
	t.Log(<-rest)
}
