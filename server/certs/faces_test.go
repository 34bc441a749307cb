package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
)

// face is a real server whose certificate and client CA are replaced while it serves.
type face struct {
	dir  folder
	tls  *ServerTLS
	ca   *authority
	addr string
}

// replaced calls the face as a client of one CA after the other, with a new connection
// each time; call returns the serial of the server and the names that it saw.
func (f *face) replaced(t *testing.T, call func(*tls.Config) (serial int64, names []string, err error)) {
	t.Helper()
	other := newAuthority(t, "other")
	client := func(from *authority) *tls.Config {
		pair := from.issue(7, nil).pair(t)
		return &tls.Config{
			RootCAs:              f.ca.pool(),
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
		}
	}
	ours, theirs := client(f.ca), client(other)
	expect := func(config *tls.Config, want int64) {
		t.Helper()
		serial, names, err := call(config)
		if err != nil || serial != want || !slices.Equal(names, []string{"uri:spiffe://test/one", "dns:gateway.test", "ip:127.0.0.1"}) {
			t.Errorf("serial %d, names %q, %v; want %d", serial, names, err, want)
		}
	}
	expect(ours, 100)
	if _, _, err := call(theirs); err == nil {
		t.Error("a client of another CA was let in")
	}
	f.dir.putPair(f.ca.issue(101, nil))
	f.dir.put("ca.crt", other.pem())
	reloads(t, f.tls)
	expect(theirs, 101)
	if _, _, err := call(ours); err == nil {
		t.Error("a client whose CA was taken away was let in")
	}
}

func newFace(t *testing.T) (*face, net.Listener) {
	t.Helper()
	f := &face{dir: newFolder(t), ca: newAuthority(t, "ca")}
	f.dir.putPair(f.ca.issue(100, nil))
	f.dir.put("ca.crt", f.ca.pem())
	f.tls = f.dir.server(true, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	return f, l
}

func TestGRPC(t *testing.T) {
	f, l := newFace(t)
	var mu sync.Mutex
	var names []string
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(f.tls.Config())), grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			p, _ := peer.FromContext(ctx)
			info := p.AuthInfo.(credentials.TLSInfo)
			mu.Lock()
			defer mu.Unlock()
			names = Names(&info.State)
			return next(ctx, req)
		}))
	healthv1.RegisterHealthServer(s, health.NewServer())
	go s.Serve(l)
	defer s.Stop()
	f.replaced(t, func(config *tls.Config) (int64, []string, error) {
		conn, err := grpc.NewClient("passthrough:///"+f.addr, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		if err != nil {
			return 0, nil, err
		}
		defer conn.Close()
		var p peer.Peer
		if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}, grpc.Peer(&p)); err != nil {
			return 0, nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		return serial(p.AuthInfo.(credentials.TLSInfo).State), names, nil
	})
	client := &tls.Config{RootCAs: f.ca.pool(), ServerName: "gateway.test", NextProtos: []string{"http/1.1"}}
	if conn, err := tls.Dial("tcp", f.addr, client); err == nil {
		if agreed := conn.ConnectionState().NegotiatedProtocol; agreed != "" {
			t.Errorf("%s was agreed upon", agreed)
		}
		conn.Close()
	}
}

func TestHTTP(t *testing.T) {
	for name, c := range map[string]struct {
		serves func(*http.Protocols)
		wants  string // of a client that can do both
	}{
		"by default":    {nil, "HTTP/2.0"},
		"HTTP/1.1 only": {func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1"},
		"HTTP/2 only":   {func(p *http.Protocols) { p.SetHTTP2(true) }, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			f, l := newFace(t)
			s := &http.Server{
				TLSConfig: f.tls.Config(), ErrorLog: quiet,
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, strings.Join(Names(r.TLS), " "))
				}),
			}
			if c.serves != nil {
				s.Protocols = new(http.Protocols)
				c.serves(s.Protocols)
			}
			go s.ServeTLS(l, "", "")
			defer s.Close()
			call := func(config *tls.Config, both bool, proto string) (int64, []string, error) {
				transport := &http.Transport{TLSClientConfig: config.Clone(), Protocols: new(http.Protocols)}
				defer transport.CloseIdleConnections()
				transport.Protocols.SetHTTP1(true)
				transport.Protocols.SetHTTP2(both)
				resp, err := (&http.Client{Transport: transport}).Get("https://" + f.addr)
				if err != nil {
					return 0, nil, err
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if resp.Proto != proto {
					t.Errorf("%s, want %s", resp.Proto, proto)
				}
				return serial(*resp.TLS), strings.Fields(string(body)), err
			}
			if name != "HTTP/2 only" {
				pair := f.ca.issue(7, nil).pair(t)
				config := &tls.Config{RootCAs: f.ca.pool(), Certificates: []tls.Certificate{pair}}
				if _, names, err := call(config, false, "HTTP/1.1"); err != nil || len(names) == 0 {
					t.Errorf("HTTP/1.1: %q, %v", names, err)
				}
			}
			f.replaced(t, func(config *tls.Config) (int64, []string, error) { return call(config, true, c.wants) })
		})
	}
}

func TestHTTPWithoutClientCertificates(t *testing.T) {
	f, l := newFace(t)
	f.tls = f.dir.server(false, nil)
	s := &http.Server{TLSConfig: f.tls.Config(), Handler: http.NotFoundHandler(), ErrorLog: quiet}
	go s.ServeTLS(l, "", "")
	defer s.Close()
	for _, want := range []int64{100, 101} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.ca.pool()}, ForceAttemptHTTP2: true}
		resp, err := (&http.Client{Transport: transport}).Get("https://" + f.addr)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		transport.CloseIdleConnections()
		if got := serial(*resp.TLS); got != want || resp.Proto != "HTTP/2.0" {
			t.Errorf("serial %d by %s, want %d", got, resp.Proto, want)
		}
		f.dir.putPair(f.ca.issue(want+1, func(c *x509.Certificate) { c.URIs = nil }))
		reloads(t, f.tls)
	}
}
