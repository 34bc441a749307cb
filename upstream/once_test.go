package upstream

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

const created = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"id\":7}"

// faultyServer answers the first request of each connection well and keeps it
// alive; what becomes of the next one is up to fail. It counts writes that arrive.
type faultyServer struct {
	listener net.Listener
	posts    atomic.Int64
	fail     func(conn net.Conn, in *bufio.Reader)
	ended    chan struct{} // one for each connection
}

func newFaultyServer(t testing.TB) *faultyServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &faultyServer{listener: listener, ended: make(chan struct{}, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return s
}

func (s *faultyServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close(); s.ended <- struct{}{} }()
	in := bufio.NewReader(conn)
	if s.read(in) {
		_, _ = io.WriteString(conn, created)
		s.fail(conn, in)
	}
}

// read reads one request with its body, and counts it if it is a write.
func (s *faultyServer) read(in *bufio.Reader) bool {
	req, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	if req.Method == http.MethodPost {
		s.posts.Add(1)
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// TestWritesArriveOnce: a write on a kept connection that dies at the worst moment
// arrives at most once, and NotSent is only said of one that did not arrive.
func TestWritesArriveOnce(t *testing.T) {
	for name, fail := range map[string]func(s *faultyServer) func(net.Conn, *bufio.Reader){
		"closed while idle": func(*faultyServer) func(net.Conn, *bufio.Reader) {
			return func(net.Conn, *bufio.Reader) {}
		},
		"reset while idle": func(*faultyServer) func(net.Conn, *bufio.Reader) {
			return func(conn net.Conn, _ *bufio.Reader) { reset(conn) }
		},
		"closed at the first byte": func(*faultyServer) func(net.Conn, *bufio.Reader) {
			return func(_ net.Conn, in *bufio.Reader) { _, _ = in.Peek(1) }
		},
		"reset at the first byte": func(*faultyServer) func(net.Conn, *bufio.Reader) {
			return func(conn net.Conn, in *bufio.Reader) { _, _ = in.Peek(1); reset(conn) }
		},
		"closed after reading": func(s *faultyServer) func(net.Conn, *bufio.Reader) {
			return func(_ net.Conn, in *bufio.Reader) { s.read(in) }
		},
		"reset after reading": func(s *faultyServer) func(net.Conn, *bufio.Reader) {
			return func(conn net.Conn, in *bufio.Reader) { s.read(in); reset(conn) }
		},
		"cut in the status line": func(s *faultyServer) func(net.Conn, *bufio.Reader) {
			return func(conn net.Conn, in *bufio.Reader) { s.read(in); _, _ = io.WriteString(conn, created[:9]) }
		},
		"cut in the header": func(s *faultyServer) func(net.Conn, *bufio.Reader) {
			return func(conn net.Conn, in *bufio.Reader) { s.read(in); _, _ = io.WriteString(conn, created[:40]) }
		},
		"cut in the body": func(s *faultyServer) func(net.Conn, *bufio.Reader) {
			return func(conn net.Conn, in *bufio.Reader) {
				s.read(in)
				_, _ = io.WriteString(conn, created[:len(created)-1])
			}
		},
	} {
		for _, inputs := range []*structpb.Struct{nil, {}} { // without and with a body
			t.Run(name, func(t *testing.T) { writeOnce(t, fail, inputs) })
		}
	}
}

func writeOnce(t *testing.T, fail func(*faultyServer) func(net.Conn, *bufio.Reader), inputs *structpb.Struct) {
	t.Helper()
	s := newFaultyServer(t)
	s.fail = fail(s)
	connections := 0
	for range 20 {
		c := clientOf(t, "http://"+s.listener.Addr().String())
		if err := getJob(t, c); err != nil { // leaves a connection behind
			t.Fatal(err)
		}
		before := s.posts.Load()
		_, err := c.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "1", JobId: 7, Inputs: inputs})
		c.Close()
		<-s.ended
		connections++
		arrived := s.posts.Load() - before
		if arrived > 1 {
			t.Fatalf("the write arrived %d times, and ended with %v", arrived, err)
		}
		if err == nil {
			<-s.ended // of the second connection, which worked
			continue
		}
		if e, ok := err.(*Error); !ok || e.Kind != NotSent && e.Kind != Interrupted || e.Kind == NotSent && arrived != 0 {
			t.Fatalf("the write arrived %d times, and ended with %v", arrived, err)
		}
	}
}

// TestSealedConnection: what is proved to be unsent cannot be sent later.
func TestSealedConnection(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = near.Close(); _ = far.Close() }()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	conn := &countedConn{Conn: near}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if conn.seal(0) {
		t.Error("sealed although something was written")
	}
	if !conn.seal(1) {
		t.Error("not sealed although nothing was written")
	}
	if n, err := conn.Write([]byte("x")); n != 0 || err == nil {
		t.Error("a sealed connection was written to")
	}
}

// TestProofOverTLS: the writes of a request are counted below TLS too.
func TestProofOverTLS(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = near.Close(); _ = far.Close() }()
	conn := &countedConn{Conn: near}
	for name, row := range map[string]struct {
		given  net.Conn
		unsent bool
	}{
		"plain": {conn, true}, "tls": {tls.Client(conn, &tls.Config{ServerName: "h"}), true}, "other": {near, false},
	} {
		conn.writes.Store(5)
		var p proof
		p.gotConn(httptrace.GotConnInfo{Conn: row.given})
		if got := p.nothingWritten(true, io.EOF); got != row.unsent {
			t.Errorf("%s: nothing written: %v", name, got)
		}
	}
	conn.writes.Store(5)
	var p proof
	p.gotConn(httptrace.GotConnInfo{Conn: conn})
	conn.writes.Add(1)
	p.gotConn(httptrace.GotConnInfo{Conn: &countedConn{Conn: far}})
	if p.nothingWritten(true, io.EOF) {
		t.Error("a write to the first of two connections is forgotten")
	}
}
