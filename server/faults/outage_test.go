package faults

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
)

var rateFlag = flag.Int("faults.rate", 25, "how many `calls` a second there are in an outage")

// port is a listener in memory. Its connections are those of net.Pipe: bufconn's have read
// deadlines that may strike after they were taken back, by which net/http ends handlers.
type port struct {
	name   string
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPort(name string) *port {
	p := &port{name: name, conns: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

// Accept implements [net.Listener].
func (p *port) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (p *port) Close() error {
	p.close()
	return nil
}

// dial connects to it.
func (p *port) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Addr implements [net.Listener].
func (p *port) Addr() net.Addr { return p }

// Network implements [net.Addr].
func (p *port) Network() string { return "memory" }

// String implements [net.Addr].
func (p *port) String() string { return p.name + ":80" }

// state is how GitLab is.
type state int

const (
	healthy state = iota
	refusing
	hanging
)

// fake is a GitLab in memory, in a bubble.
type fake struct {
	port *port

	mu    sync.Mutex
	state state
	took  func(r *http.Request) time.Duration
	begun time.Time
	asked []int // requests, and attempts to connect in vain, by second
	conns map[net.Conn]bool
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{port: newPort("gitlab"), begun: time.Now(), conns: map[net.Conn]bool{}, took: func(*http.Request) time.Duration { return 20 * time.Millisecond }}
	s := &http.Server{Handler: f, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(f.port)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return f
}

func (f *fake) count() {
	second := int(time.Since(f.begun) / time.Second)
	for len(f.asked) <= second {
		f.asked = append(f.asked, 0)
	}
	f.asked[second]++
}

// between is how many requests there were in some seconds.
func (f *fake) between(from, to int) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, asked := range f.asked[min(from, len(f.asked)):min(to, len(f.asked))] {
		n += asked
	}
	return n
}

// become changes how it is. Connections break when it begins to refuse them.
func (f *fake) become(s state) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
	if s == refusing {
		for conn := range f.conns {
			_ = conn.Close()
		}
		clear(f.conns)
	}
}

func (f *fake) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	f.mu.Lock()
	if f.state == refusing {
		defer f.mu.Unlock()
		f.count()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	f.mu.Unlock()
	conn, err := f.port.dial(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.conns[conn] = true
	}
	return conn, err
}

// ServeHTTP implements [http.Handler].
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.count()
	state, took := f.state, f.took(r)
	f.mu.Unlock()
	if state == hanging {
		<-r.Context().Done()
		return
	}
	timer := time.NewTimer(took)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	body, code := `{"id":1,"status":"running"}`, http.StatusOK
	switch {
	case r.Method == http.MethodPost:
		code = http.StatusCreated
	case strings.HasSuffix(r.URL.Path, "/jobs"):
		body = "[" + body + "]"
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

// inMemory is a gateway before it whose connections are in memory, too.
func (f *fake) inMemory(t *testing.T, opts ...upstream.Option) *gateway {
	t.Helper()
	grpc, web := newPort("grpc"), newPort("web")
	return start(t, "http://gitlab", setting{
		lis: server.Listeners{GRPC: grpc, HTTP: web},
		dial: func(ctx context.Context, to string) (net.Conn, error) {
			if to == grpc.String() {
				return grpc.dial(ctx)
			}
			return web.dial(ctx)
		},
		client: append([]upstream.Option{upstream.WithTransport(&http.Transport{
			DialContext: f.dial, MaxIdleConnsPerHost: 256, DisableCompression: true, IdleConnTimeout: 90 * time.Second,
		})}, opts...),
	})
}

// ended is a call that is over.
type ended struct {
	at, took time.Duration
	what     string
	err      error
}

// ask makes a call of some kind, about one of many jobs so that few are shared.
func ask(ctx context.Context, g *gateway, what string, n int) error {
	switch what {
	case "REST":
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s%s/jobs/%d", g.url, project, n), http.NoBody)
		req.Header.Set("Private-Token", "x")
		resp, err := g.web.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = status.Error(codes.Unavailable, string(body))
		}
		return err
	case "write":
		_, err := g.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: "1", JobId: int64(n)})
		return err
	case "list":
		_, err := g.jobs.ListProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: fmt.Sprint(n)})
		return err
	}
	_, err := g.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: int64(n)})
	return err
}

// TestOutage is a GitLab that is down for a minute: after ten seconds, and for a minute more
// everybody calls as before.
func TestOutage(t *testing.T) {
	const (
		down, up, end = 10 * time.Second, 70 * time.Second, 130 * time.Second
		deadline      = 10 * time.Second
	)
	for _, c := range []struct {
		name    string
		state   state
		noticed time.Duration // when all but probes are refused at once
		most    int           // calls that GitLab gets meanwhile, beside one for each until it is noticed
	}{
		{"it refuses connections", refusing, 2 * time.Second, 200},
		{"it hangs", hanging, deadline + 2*time.Second, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				g := f.inMemory(t)
				var mu sync.Mutex
				var all []ended
				var calls sync.WaitGroup
				timers := []*time.Timer{
					time.AfterFunc(down, func() { f.become(c.state) }), time.AfterFunc(up, func() { f.become(healthy) }),
				}
				r := rand.New(rand.NewPCG(1, 1))
				for time.Since(f.begun) < end {
					what, n := []string{"read", "read", "read", "REST", "list", "write"}[r.IntN(6)], 1+r.IntN(1_000_000)
					calls.Go(func() {
						ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "private-token", "x"), deadline)
						defer cancel()
						begun := time.Now()
						err := ask(ctx, g, what, n)
						mu.Lock()
						defer mu.Unlock()
						all = append(all, ended{begun.Sub(f.begun), time.Since(begun), what, err})
					})
					time.Sleep(time.Second / time.Duration(*rateFlag))
				}
				calls.Wait()
				for _, timer := range timers {
					timer.Stop()
				}
				late, slow, refused, lost := 0, 0, 0, 0
				for _, e := range all {
					switch {
					case e.took > deadline:
						late++
						t.Errorf("a %s at %v took %v: %v", e.what, e.at, e.took, e.err)
					case e.at > down+c.noticed && e.at < up:
						refused++
						if e.took > 50*time.Millisecond {
							slow++
						}
					}
					if e.err != nil && (e.at < down-time.Second || e.at > up+15*time.Second) {
						lost++
						if lost < 5 {
							t.Errorf("a %s at %v: %v", e.what, e.at, e.err)
						}
					}
					if e.what == "write" && c.state == refusing && e.err != nil && e.took == 0 && status.Code(e.err) != codes.Unavailable {
						t.Errorf("a write at %v: %v", e.at, e.err)
					}
				}
				normal := *rateFlag * 60
				during, after, second := f.between(int((down+c.noticed)/time.Second), int(up/time.Second)), f.between(70, 130), 0
				for n := 70; n < 130; n++ {
					second = max(second, f.between(n, n+1))
				}
				t.Logf("%d calls; GitLab got %d from %v after it went down, and in the minute after %d, %.2f of the normal, %d in a second at most; of %d calls while it was known to be down %d took more than 50 ms; %d were late, %d lost",
					len(all), during, c.noticed, after, float64(after)/float64(normal), second, refused, slow, late, lost)
				if during > c.most {
					t.Errorf("GitLab got %d calls while it was down", during)
				}
				if lost > 0 {
					t.Errorf("%d calls failed while GitLab was well", lost)
				}
				if 10*after > 11*normal {
					t.Errorf("GitLab got %d calls in the minute after, of %d", after, normal)
				}
				if slow > 60 { // probes: of three kinds, one in five seconds each
					t.Errorf("%d of %d calls took more than 50 ms", slow, refused)
				}
				if s := g.api.GuardStats().Slots; s.Held != 0 || s.Waiting != 0 {
					t.Errorf("left behind: %+v", s)
				}
			})
		})
	}
}

// p99 is what one call of a hundred takes longer than.
func p99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}

// besides measures the calls of all kinds but lists, while lists hang or do not.
func besides(t *testing.T, f *fake, g *gateway, lists int, during time.Duration) (took []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var calls sync.WaitGroup
	ctx := metadata.AppendToOutgoingContext(t.Context(), "private-token", "x")
	slow, stop := context.WithCancel(t.Context())
	begun := time.Now()
	for n := 0; time.Since(begun) < during; n++ {
		for range lists {
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(slow, "private-token", "another"), time.Minute)
				defer cancel()
				_ = ask(ctx, g, "list", 1+rand.IntN(1_000_000))
			})
		}
		what := []string{"read", "REST", "write"}[n%3]
		calls.Go(func() {
			began := time.Now()
			if err := ask(ctx, g, what, 1+rand.IntN(1_000_000)); err != nil {
				t.Errorf("%v: %s: %v", time.Since(f.begun), what, err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(began))
		})
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Second) // the fast ones are over
	stop()
	calls.Wait()
	return took
}

// TestSlowRoute has lists that take half a minute, more than there are slots for, beside other
// calls, which do not notice.
func TestSlowRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.took = func(r *http.Request) time.Duration {
			if strings.HasSuffix(r.URL.Path, "/jobs") {
				return 30 * time.Second
			}
			return time.Duration(5+rand.IntN(20)) * time.Millisecond
		}
		g := f.inMemory(t, upstream.WithTimeout(time.Minute))
		alone := p99(besides(t, f, g, 0, 5*time.Second))
		beside := p99(besides(t, f, g, 1, 12*time.Second)) // three times as many lists as calls of a kind
		t.Logf("p99 is %v alone, %v beside a slow route: %.2f times", alone, beside, float64(beside)/float64(alone))
		if 2*beside > 3*alone {
			t.Errorf("p99 is %v beside a slow route, %v alone", beside, alone)
		}
	})
}
