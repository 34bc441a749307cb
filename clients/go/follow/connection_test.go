package follow_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// TestResetsOfARealConnection checks the words that tell a reset of a stream.
func TestResetsOfARealConnection(t *testing.T) {
	t.Parallel()
	for name, breakOff := range map[string]func(http.ResponseWriter, *http.Request){
		"reset":         func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut off":       func(http.ResponseWriter, *http.Request) {},
		"a proxy's 502": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"the connection gone": func(_ http.ResponseWriter, r *http.Request) {
			r.Context().Value(http.ServerContextKey).(*http.Server).Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if name != "a proxy's 502" {
					w.Header().Set("Content-Type", "application/grpc")
					w.WriteHeader(http.StatusOK)
					w.(http.Flusher).Flush()
				}
				breakOff(w, r)
			}))
			proxy.Config.Protocols = new(http.Protocols)
			proxy.Config.Protocols.SetUnencryptedHTTP2(true)
			proxy.Start()
			t.Cleanup(proxy.Close)
			conn, err := grpc.NewClient("passthrough:///"+proxy.Listener.Addr().String(),
				grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			enough := errors.New("tried again")
			_, err = collect(follow.Log(t.Context(), jobgatev1.NewTraceServiceClient(conn), request(),
				follow.OnRetry(func(follow.Retry) error { return enough })))
			if err != enough {
				t.Errorf("not tried again: %v", err)
			}
		})
	}
}

func TestStaleAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: func(call int, _ *jobgatev1.ReadTraceRequest, s eventStream) error {
			list := events(chunk(0, "ab"), heartbeat(2), heartbeat(2), heartbeat(2), chunk(2, "c"), end(3, "abc"))
			if call > 0 {
				list = list[4:]
			}
			for _, event := range list {
				if call == 0 && event.GetChunk().GetOffset() == 2 {
					<-s.Context().Done() // and nothing more
				}
				time.Sleep(50 * time.Second)
				if err := s.Send(event); err != nil {
					return err
				}
			}
			return nil
		}}
		var heard []error
		f := follow.Log(t.Context(), g.client(t), request(), follow.StaleAfter(time.Minute),
			follow.OnRetry(func(r follow.Retry) error { heard = append(heard, r.Err); return nil }))
		log := ""
		for data, err := range f.Bytes() {
			if err != nil {
				t.Fatal(err)
			}
			log += string(data)
			time.Sleep(10 * time.Minute) // its own silence is not the gateway's
		}
		if log != "abc" || len(heard) != 1 || heard[0] != follow.ErrStale || len(g.asked()) != 2 {
			t.Errorf("%q, heard %v", log, heard)
		}
	})
}

func TestStaleAfterAtTheLastAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: func(_ int, _ *jobgatev1.ReadTraceRequest, s eventStream) error {
			<-s.Context().Done()
			return s.Context().Err()
		}}
		begin := time.Now()
		_, _, err := read(t, g, request(), follow.StaleAfter(time.Minute), follow.Attempts(1))
		if err != follow.ErrStale || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}
