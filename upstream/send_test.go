package upstream

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
)

// rawClient is a client of a server that speaks by hand: serve gets each connection
// once a request's header has been read.
func rawClient(t testing.TB, serve func(conn net.Conn), opts ...Option) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				serve(conn)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return clientOf(t, "http://"+listener.Addr().String(), opts...)
}

func cancelJob(ctx context.Context, c *Client) error {
	_, err := c.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "group/app", JobId: 7})
	return err
}

// reset closes a connection hard.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestUpstreamDown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	c := clientOf(t, "http://"+listener.Addr().String())
	e := wantError(t, cancelJob(t.Context(), c), NotSent)
	if !e.Write || !strings.HasPrefix(e.Error(), "cancel job 7 of group/app: not sent: dial tcp") {
		t.Errorf("got %v", e)
	}
	custom := clientOf(t, "http://"+listener.Addr().String(), WithTransport(&http.Transport{}))
	wantError(t, cancelJob(t.Context(), custom), NotSent)
}

func TestHandshakeFails(t *testing.T) {
	server := httptest.NewUnstartedServer(respond(200, "application/json", "{}"))
	server.Config.ErrorLog = nil
	server.Config.ErrorLog = discard()
	server.StartTLS()
	t.Cleanup(server.Close)
	e := wantError(t, cancelJob(t.Context(), clientOf(t, server.URL)), NotSent)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](e); !ok {
		t.Errorf("got %v", e)
	}
}

func TestCanceledBeforeSending(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("the call arrived") })
	e := wantError(t, cancelJob(ctx, c), NotSent)
	if !errors.Is(e, context.Canceled) {
		t.Errorf("got %v", e)
	}
}

func TestCallersEndIsTold(t *testing.T) {
	stopping := errors.New("stopping")
	arrived := make(chan struct{}, 1)
	release := make(chan struct{})
	c := newClient(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-release })
	defer close(release)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-arrived; cancel(stopping) }()
	e := wantError(t, cancelJob(ctx, c), Interrupted)
	if !errors.Is(e, context.Canceled) || !errors.Is(e, stopping) {
		t.Errorf("got %v", e)
	}
}

// hanging answers when the context of the request ends, as a network does.
func hanging(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, &url.Error{Op: "Get", URL: req.URL.String(), Err: context.Cause(req.Context())}
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := functionClient(t, hanging)
		start := time.Now()
		e := wantError(t, cancelJob(t.Context(), c), Interrupted)
		if !errors.Is(e, ErrUpstreamTimeout) || errors.Is(e, context.DeadlineExceeded) || time.Since(start) != 30*time.Second+readBackTime {
			t.Errorf("after %v: %v", time.Since(start), e)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		e = wantError(t, cancelJob(ctx, c), Interrupted)
		if errors.Is(e, ErrUpstreamTimeout) || !errors.Is(e, context.DeadlineExceeded) {
			t.Errorf("got %v", e)
		}
	})
}

func TestQueriesAreNotTold(t *testing.T) {
	broken := &url.Error{Op: "Post", URL: "https://gitlab.example.com/?x=secret", Err: io.ErrUnexpectedEOF}
	c := functionClient(t, func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("proxy: %w", broken) })
	e := wantError(t, cancelJob(t.Context(), c), Interrupted)
	if strings.Contains(e.Error(), "secret") || !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", e)
	}
}

// A dial that times out says that it is context.DeadlineExceeded; it is not the caller's.
func TestForeignTimeoutIsNotTheCallers(t *testing.T) {
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	})
	if e := wantError(t, cancelJob(t.Context(), c), NotSent); errors.Is(e, context.DeadlineExceeded) {
		t.Errorf("got %v", e)
	}
}

func TestHangsAfterTheHeader(t *testing.T) {
	release := make(chan struct{})
	c := rawClient(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
		<-release
	}, WithTimeout(50*time.Millisecond))
	defer close(release)
	e := wantError(t, cancelJob(t.Context(), c), Interrupted)
	if !errors.Is(e, ErrUpstreamTimeout) || e.Status != 201 || !e.Write {
		t.Errorf("got %#v", e)
	}
}

func TestResetMidBody(t *testing.T) {
	c := rawClient(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
		reset(conn)
	})
	if e := wantError(t, getJob(t, c), Interrupted); e.Status != 200 {
		t.Errorf("got %#v", e)
	}
}

func TestResetMidErrorKeepsTheStatus(t *testing.T) {
	c := rawClient(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 429 Too Many\r\nContent-Type: text/plain\r\nRetry-After: 3\r\nContent-Length: 99\r\n\r\nRetry")
		_ = conn.Close()
	})
	e := wantError(t, getJob(t, c), Answered)
	if e.Status != 429 || !e.Truncated || string(e.Body) != "Retry" || e.RetryAfter != 3*time.Second {
		t.Errorf("got %#v", e)
	}
}

func TestShortBody(t *testing.T) {
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		resp := answer(200, `{"id":7}`)
		resp.ContentLength = 99
		return resp, nil
	})
	if e := wantError(t, getJob(t, c), Interrupted); !errors.Is(e, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", e)
	}
}

// endless is a body without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Close() error               { return nil }

func TestTooLarge(t *testing.T) {
	for name, resp := range map[string]*http.Response{
		"endless":   {StatusCode: 200, Header: http.Header{}, Body: endless{}, ContentLength: -1},
		"announced": {StatusCode: 200, Header: http.Header{}, Body: endless{}, ContentLength: 1 << 40},
		"bomb":      zipped(200, bytes.Repeat([]byte(" "), 1<<20)),
	} {
		c := functionClient(t, func(*http.Request) (*http.Response, error) { return resp, nil }, WithMaxBody(100_000))
		if e := wantError(t, getJob(t, c), TooLarge); e.Status != 200 {
			t.Errorf("%s: got %#v", name, e)
		}
	}
	c := functionClient(t, func(*http.Request) (*http.Response, error) { return answer(200, `{"id":7}`), nil }, WithMaxBody(8))
	if err := getJob(t, c); err != nil {
		t.Errorf("a body of just the bound: %v", err)
	}
}

// zipped is an answer in gzip, sent unasked.
func zipped(status int, body []byte) *http.Response {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(body)
	_ = w.Close()
	resp := answer(status, z.String())
	resp.Header.Set("Content-Encoding", "gzip")
	resp.Header.Set("Content-Length", fmt.Sprint(z.Len()))
	return resp
}

func TestGzip(t *testing.T) {
	whole := zipped(200, []byte(`{"id":7}`))
	c := functionClient(t, func(*http.Request) (*http.Response, error) { return whole, nil })
	call := &Call{}
	_, err := c.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
	if err != nil || call.Reply.Header.Get("Content-Encoding")+call.Reply.Header.Get("Content-Length") != "" {
		t.Errorf("got %v, header %v", err, call.Reply.Header)
	}
	refusal := zipped(403, []byte(`{"message":"403 Forbidden"}`))
	c = functionClient(t, func(*http.Request) (*http.Response, error) { return refusal, nil })
	if e := wantError(t, getJob(t, c), Answered); e.Message != "403 Forbidden" {
		t.Errorf("got %v", e)
	}
}

func TestMalformed(t *testing.T) {
	cut := zipped(200, []byte(`{"id":7}`))
	zip, _ := io.ReadAll(cut.Body)
	cut.Body, cut.ContentLength = io.NopCloser(bytes.NewReader(zip[:len(zip)-6])), -1
	noZip := answer(200, `{"id":7}`)
	noZip.Header.Set("Content-Encoding", "gzip")
	brotli := answer(200, `{"id":7}`)
	brotli.Header.Set("Content-Encoding", "br")
	page := answer(200, "<title>Sign in</title>")
	page.Header.Set("Content-Type", "text/html; charset=utf-8")
	for name, resp := range map[string]*http.Response{
		"cut gzip": cut, "no gzip": noZip, "other encoding": brotli, "page of HTML": page,
		"cut JSON": answer(200, `{"id":7,"name":"x`), "array": answer(200, `[{"id":7}]`), "empty": answer(204, ""),
		"more JSON": answer(200, `{"id":7}{}`), "not UTF-8": answer(200, "{\"id\":7,\"name\":\"\xff\"}"), "text": answer(200, `id: 7`),
	} {
		t.Run(name, func(t *testing.T) {
			c := functionClient(t, func(*http.Request) (*http.Response, error) { return resp, nil })
			e := wantError(t, cancelJob(t.Context(), c), Malformed)
			if e.Status != resp.StatusCode || !e.Write || e.Err == nil {
				t.Errorf("got %#v", e)
			}
		})
	}
	c := functionClient(t, func(*http.Request) (*http.Response, error) { return answer(200, `{"id":7}`), nil })
	_, _, err := c.ListPipelineJobs(t.Context(), &jobgatev1.ListPipelineJobsRequest{Project: "1"}, Position{})
	e := wantError(t, err, Malformed)
	if _, ok := errors.AsType[*gitlabjson.Error](err); !ok || string(e.Body) != `{"id":7}` {
		t.Errorf("an object for an array: %#v", e)
	}
}

func TestOddTypesAreTaken(t *testing.T) {
	for _, contentType := range []string{"", "application/json; charset=utf-8", "Application/JSON"} {
		resp := answer(200, `{"id":7}`)
		resp.Header.Set("Content-Type", contentType)
		resp.Header.Set("Content-Encoding", "identity")
		c := functionClient(t, func(*http.Request) (*http.Response, error) { return resp, nil })
		if err := getJob(t, c); err != nil {
			t.Errorf("%q: %v", contentType, err)
		}
	}
}

func TestEnormousHeader(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Junk", strings.Repeat("x", 128<<10))
		respond(200, "application/json", "{}")(w, r)
	})
	wantError(t, getJob(t, c), TooLarge)
}

func TestLargeBuffersAreNotKept(t *testing.T) {
	for _, size := range []int{0, 1, 100, firstBuffer, keptBuffer + 1} {
		for _, length := range []int64{-1, int64(size)} {
			body := bytes.Repeat([]byte("x"), size)
			resp := &http.Response{Body: io.NopCloser(bytes.NewReader(body)), ContentLength: length}
			b, err := readBody(resp, 32<<20, &bodyRoom{most: 32 << 20})
			if err != nil || !bytes.Equal(b.bytes, body) {
				t.Errorf("%d bytes read as %d, %v", size, len(b.bytes), err)
			}
			b.free()
			if size > keptBuffer && cap(buffers.Get().(*buffer).bytes) > keptBuffer {
				t.Errorf("a buffer of %d bytes is kept", size)
			}
		}
	}
}

// TestManyEndlessAnswers proves that answers without an end together take no more than the
// room of all large ones, that each ends with an error of its own, and that the room is
// given back.
func TestManyEndlessAnswers(t *testing.T) {
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		resp := answer(200, "")
		resp.ContentLength = -1
		resp.Body = io.NopCloser(blanks{})
		return resp, nil
	})
	var wg sync.WaitGroup
	var crowded atomic.Int64
	for i := range 32 {
		wg.Go(func() {
			_, err := c.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "1", JobId: int64(i + 1)})
			if errors.Is(err, errCrowded) {
				wantError(t, err, Limited)
				crowded.Add(1)
			} else {
				wantError(t, err, TooLarge)
			}
			if used := c.bodies.used.Load(); used > c.bodies.most {
				t.Errorf("%d bytes are used", used)
			}
		})
	}
	wg.Wait()
	if used := c.bodies.used.Load(); used != 0 {
		t.Errorf("%d bytes are still used", used)
	}
	b := newBuffer()
	defer b.free()
	if most := int(c.bodies.most); c.bodies.grow(b, most+1) || !c.bodies.grow(b, most) || c.bodies.grow(newBuffer(), keptBuffer+1) {
		t.Error("the room is not what it should be")
	}
	t.Logf("%d of 32 found no room", crowded.Load())
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
