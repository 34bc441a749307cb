package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// hostile is a way to answer that no GitLab has.
type hostile struct {
	name string
	send func(conn net.Conn) // after the request
	grpc string              // what a read is told, "" for any error with a reason
	rest string
}

const okJSON = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

func hostiles() []hostile {
	forever := func(head string, piece []byte) func(net.Conn) {
		return func(conn net.Conn) {
			_, err := io.WriteString(conn, head)
			for err == nil {
				_, err = conn.Write(piece)
			}
		}
	}
	once := func(parts ...string) func(net.Conn) {
		return func(conn net.Conn) {
			for _, part := range parts {
				_, _ = io.WriteString(conn, part)
			}
		}
	}
	member := new(bytes.Buffer) // of gzip: a megabyte in a kilobyte
	zip := gzip.NewWriter(member)
	_, _ = zip.Write(make([]byte, 1<<20))
	_ = zip.Close()
	chunk := func(b []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(b), b) }
	blanks := bytes.Repeat([]byte(" "), 64<<10)
	const tooLarge, tooLargeREST = "ResourceExhausted UPSTREAM_TOO_LARGE", "502 UPSTREAM_TOO_LARGE"
	const broke, brokeREST = "Unavailable UPSTREAM_UNAVAILABLE", "502 UPSTREAM_UNAVAILABLE"
	const slow, slowREST = "Unavailable UPSTREAM_UNAVAILABLE", "504 UPSTREAM_UNAVAILABLE"
	const malformed, malformedREST = "Internal UPSTREAM_MALFORMED", "502 UPSTREAM_MALFORMED"
	return []hostile{
		{"endless body", forever(okJSON+"Connection: close\r\n\r\n", blanks), tooLarge, tooLargeREST},
		{"endless chunks", forever(okJSON+"Transfer-Encoding: chunked\r\n\r\n", chunk(blanks)), tooLarge, tooLargeREST},
		{"endless array", forever(okJSON+"Connection: close\r\n\r\n[", bytes.Repeat([]byte(`{"id":1},`), 7000)), tooLarge, tooLargeREST},
		{"announced 10 GB", forever(okJSON+"Content-Length: 10000000000\r\n\r\n", blanks), tooLarge, tooLargeREST},
		{"endless header", forever(okJSON, []byte("X-More: "+strings.Repeat("x", 1000)+"\r\n")), tooLarge, tooLargeREST},
		{"endless header line", forever(okJSON+"X-More: ", blanks), tooLarge, tooLargeREST},
		{"endless status line", forever("HTTP/1.1 200 ", blanks), tooLarge, tooLargeREST},
		{"endless 1xx", forever("", []byte("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")), tooLarge, tooLargeREST},
		{"endless chunk size", forever(okJSON+"Transfer-Encoding: chunked\r\n\r\n", []byte(strings.Repeat("0", 1000))), broke, brokeREST},
		{"chunk extensions", forever(okJSON+"Transfer-Encoding: chunked\r\n\r\n", []byte("1;x="+strings.Repeat("y", 2000)+"\r\n \r\n")), broke, brokeREST},
		{"endless trailer", forever(okJSON+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", []byte("X-More: "+strings.Repeat("x", 1000)+"\r\n")), broke, brokeREST},
		{"gzip bomb", func(conn net.Conn) {
			_, err := io.WriteString(conn, okJSON+"Content-Encoding: gzip\r\nConnection: close\r\n\r\n")
			for err == nil {
				_, err = conn.Write(member.Bytes())
			}
		}, tooLarge, tooLargeREST},
		{"a byte now and then", func(conn net.Conn) {
			_, err := io.WriteString(conn, okJSON+"Connection: close\r\n\r\n")
			for err == nil {
				time.Sleep(50 * time.Millisecond)
				_, err = conn.Write([]byte(" "))
			}
		}, slow, slowREST},
		{"a byte of header now and then", func(conn net.Conn) {
			_, err := io.WriteString(conn, okJSON+"X-More: ")
			for err == nil {
				time.Sleep(50 * time.Millisecond)
				_, err = conn.Write([]byte("x"))
			}
		}, slow, slowREST},
		{"HTML", once("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"), malformed, malformedREST},
		{"no HTTP", once("SSH-2.0-OpenSSH_9.2\r\n"), broke, brokeREST},
		{"error body of 64 MB", func(conn net.Conn) {
			_, err := fmt.Fprintf(conn, "HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 64_000_000)
			for sent := 0; err == nil && sent < 64_000_000; sent += len(blanks) {
				_, err = conn.Write(blanks[:min(len(blanks), 64_000_000-sent)])
			}
		}, "Internal UPSTREAM_FAILED", "500 broken off"},
		{"deep JSON", once(okJSON + "Connection: close\r\n\r\n" + strings.Repeat(`{"user":`, 100_000)), malformed, malformedREST},
		{"deep JSON in an unknown member", once(okJSON + "Connection: close\r\n\r\n" + `{"id":1,"new":` + strings.Repeat("[", 1_000_000)), malformed, malformedREST},
		{"many members", once(okJSON+"Connection: close\r\n\r\n{", strings.Repeat(`"m":1,`, 300_000), `"id":1}`), "", ""},
		{"many jobs in one", once(okJSON+"Connection: close\r\n\r\n[", strings.Repeat(`{},`, 1_000_000), `{}]`), malformed, ""},
	}
}

// peak samples what the heap holds, garbage with it, until it is told to stop.
func peak() (stop func() (most int64)) {
	const objects = "/memory/classes/heap/objects:bytes"
	read := func() int64 {
		sample := []metrics.Sample{{Name: objects}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	runtime.GC()
	runtime.GC()
	idle := read()
	over, done := make(chan struct{}), make(chan struct{})
	most := idle
	go func() {
		defer close(done)
		for {
			most = max(most, read())
			select {
			case <-over:
				return
			case <-time.After(500 * time.Microsecond):
			}
		}
	}()
	return func() int64 {
		close(over)
		<-done
		return most - idle
	}
}

// bound is what a hostile answer may cost over what an idle gateway holds.
const bound = 64 << 20

// TestHostileGitLab answers as nobody should.
func TestHostileGitLab(t *testing.T) {
	for _, h := range hostiles() {
		t.Run(h.name, func(t *testing.T) {
			lis := loopback(t)
			var conns sync.WaitGroup
			accepting := make(chan struct{})
			go func() {
				defer close(accepting)
				for {
					conn, err := lis.Accept()
					if err != nil {
						return
					}
					conns.Go(func() { h.serve(conn) })
				}
			}()
			g := start(t, "http://"+lis.Addr().String(), setting{client: []upstream.Option{
				upstream.WithTimeout(4 * time.Second), upstream.WithIdleTimeout(2 * time.Second), upstream.WithAttempts(1), upstream.WithCircuit(false), upstream.WithQuota(false),
			}})
			defer func() {
				g.stop()
				_ = lis.Close()
				<-accepting
				conns.Wait()
			}()
			for _, face := range []face{overGRPC, overREST} {
				stop := peak()
				begun := time.Now()
				got, want := h.ask(g, face), h.grpc
				if face == overREST {
					want = h.rest
				}
				took := time.Since(begun)
				most := stop()
				t.Logf("%s: %s, %.1f MiB above idle, %v", face, got, float64(most)/(1<<20), took.Round(time.Millisecond))
				if want != "" && got != want {
					t.Errorf("%s: %s, want %s", face, got, want)
				}
				if most > bound {
					t.Errorf("%s: the heap grew by %.1f MiB", face, float64(most)/(1<<20))
				}
				if took > 9*time.Second {
					t.Errorf("%s: it took %v", face, took)
				}
			}
		})
	}
}

func (h hostile) serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 4<<10)
	for seen := ""; !strings.Contains(seen, "\r\n\r\n"); {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		seen += string(buf[:n])
	}
	h.send(conn)
}

func (h hostile) ask(g *gateway, f face) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if f == overGRPC {
		ctx = metadata.AppendToOutgoingContext(ctx, "private-token", sandbox.TokenMaintainer)
		_, err := g.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: 1})
		if err == nil {
			return "OK"
		}
		return fmt.Sprint(status.Code(err), " ", reasonOf(err))
	}
	r := route{token: sandbox.TokenMaintainer, rest: func(int64) string { return "GET " + project + "/jobs/1" }}
	return r.overREST(ctx, g, 0, "")
}
