package faults

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// atMost is how long a caller who does nothing may hold a connection to the gateway.
const atMost = 6 * time.Minute

// stalled is a caller who sends so much of a request, reads so much of the reply, and then
// does nothing for ever.
type stalled struct {
	net.Conn

	whole bool // all of the request was sent
	doing sync.WaitGroup
}

func (s *stalled) begin(t *testing.T, p *port, request []byte, sends, reads int) {
	t.Helper()
	conn, err := p.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Conn, s.whole = conn, sends == len(request) || p.name == "grpc" && isWhole(request[:sends])
	s.doing.Go(func() { _, _ = conn.Write(request[:sends]) })
	s.doing.Go(func() { _, _ = io.CopyN(io.Discard, conn, int64(reads)) })
}

// isClosed says whether the gateway has hung up.
func (s *stalled) isClosed() bool {
	_ = s.SetWriteDeadline(time.Now().Add(time.Millisecond))
	_, err := s.Write([]byte{0})
	return errors.Is(err, io.ErrClosedPipe)
}

// TestGatewayHangsUpOnTheStalled has callers stall for ever after any byte of a request, or of
// the reply. The gateway ends each of their connections in time, and does nothing for those
// whose request is not whole.
func TestGatewayHangsUpOnTheStalled(t *testing.T) {
	g, r := newGate(t), drawn(t)
	writes := map[string][]byte{}
	for _, s := range calls()[:3] {
		by, used, end := g.over(mishap{})
		err := s.call(t.Context(), by, newWrite(g.gitlab.box, s.verb), &attempt{name: "name"})
		end()
		if err != nil {
			t.Fatal(err)
		}
		writes["grpc"] = used()[0].sent()
	}
	g.stop()
	writes["web"] = []byte("POST " + project + "/jobs/1/cancel HTTP/1.1\r\n" + headOfAll + isJSON + isChunked + "\r\n" + chunks(`{"force":`, "true}") + "\r\n")
	const all = 1 << 20
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		var asked atomic.Int64
		f.took = func(r *http.Request) time.Duration {
			if r.Method == http.MethodPost {
				asked.Add(1)
			}
			return time.Millisecond
		}
		g := f.inMemory(t)
		var everybody []*stalled
		whole := int64(0)
		for _, p := range []*port{g.lis.GRPC.(*port), g.lis.HTTP.(*port)} {
			request := writes[p.name]
			for _, sends := range everywhere(r, len(request), max(*writesFlag/10, 30)) {
				for _, reads := range []int{0, r.IntN(1000), all} {
					s := new(stalled)
					s.begin(t, p, request, sends, reads)
					everybody = append(everybody, s)
					if s.whole {
						whole++
					}
				}
			}
		}
		time.Sleep(atMost)
		for _, s := range everybody {
			if !s.isClosed() {
				t.Error("a connection is still open")
			}
			_ = s.Close()
			s.doing.Wait()
		}
		if n := asked.Load(); n > whole || n == 0 {
			t.Errorf("GitLab was asked %d times, for %d whole requests", n, whole)
		}
		t.Logf("%d callers, %d requests were whole, GitLab was asked %d times", len(everybody), whole, asked.Load())
	})
}
