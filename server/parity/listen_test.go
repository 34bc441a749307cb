package parity

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

// gitlab is a server that cases use in turn: to open a port takes longer than to play a case.
type gitlab struct {
	server *httptest.Server
	front  atomic.Pointer[http.Handler]
}

var (
	idle     []*gitlab // guarded by idleLock
	idleLock sync.Mutex
	sockets  string // directory
	socket   atomic.Int64
)

// serve serves a handler until the test ends, and returns the address.
func serve(t *testing.T, front http.Handler) string {
	t.Helper()
	idleLock.Lock()
	defer idleLock.Unlock()
	var g *gitlab
	if n := len(idle); n > 0 {
		g, idle = idle[n-1], idle[:n-1]
	} else {
		g = new(gitlab)
		g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			(*g.front.Load()).ServeHTTP(w, r)
		}))
	}
	g.front.Store(&front)
	t.Cleanup(func() {
		idleLock.Lock()
		defer idleLock.Unlock()
		idle = append(idle, g)
	})
	return g.server.Listener.Addr().String()
}

// listen opens a socket for a gateway.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(sockets, fmt.Sprint(socket.Add(1))))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// quiet is a listener that nobody calls.
type quiet struct {
	closed chan struct{}
	once   *sync.Once
}

func newQuiet() quiet { return quiet{make(chan struct{}), new(sync.Once)} }

func (q quiet) Accept() (net.Conn, error) {
	<-q.closed
	return nil, net.ErrClosed
}

func (q quiet) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

func (quiet) Addr() net.Addr { return &net.UnixAddr{Name: "quiet", Net: "unix"} }

// tests is all tests, with what they share made before them and cleared away after.
type tests struct{ m *testing.M }

// Run implements [goleak.TestingM].
func (all tests) Run() int {
	directory, err := os.MkdirTemp("", "parity")
	if err != nil {
		panic(err)
	}
	sockets = directory
	code := all.m.Run()
	for _, g := range idle {
		g.server.Close()
	}
	_ = os.RemoveAll(directory)
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }
