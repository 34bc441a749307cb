package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/jobgate/jobgate/server"
)

// endpoint is one address of the gateway, checked but not opened.
type endpoint struct {
	name string // of its setting
	addr string // empty is off
	tls  *tls.Config
}

// listening is where the gateway will listen.
type listening struct{ grpc, http, admin endpoint }

// listening checks the addresses and loads the certificates. Its result is not nil, also
// beside an error.
func (c *serveCmd) listening(k *checks, f *files) (*listening, error) {
	s := k.s
	grpcTLS := c.faceTLS(k, f, "grpc", c.GRPCCert, c.GRPCKey, c.GRPCClientCA)
	httpTLS := c.faceTLS(k, f, "http", c.HTTPCert, c.HTTPKey, c.HTTPClientCA)
	l := &listening{
		grpc:  endpoint{s.name("grpc-addr"), c.GRPCAddr, grpcTLS},
		http:  endpoint{s.name("http-addr"), c.HTTPAddr, httpTLS},
		admin: endpoint{s.name("admin-addr"), c.AdminAddr, nil},
	}
	var errs []error
	if c.GRPCAddr == "" {
		errs = append(errs, fmt.Errorf("%s: must not be empty", l.grpc.name))
	}
	errs = append(errs,
		l.grpc.check(c.GRPCCert != "" || c.AllowPlaintext, "--grpc-cert and --grpc-key"),
		l.http.check(c.HTTPCert != "" || c.AllowPlaintext, "--http-cert and --http-key"),
		l.admin.check(c.AllowPlaintext, ""))
	return l, errors.Join(errs...)
}

// check refuses an address that is none, and plaintext where other machines can reach it.
func (e endpoint) check(reachableAllowed bool, certFlags string) error {
	if e.addr == "" {
		return nil
	}
	if err := listenable(e.addr); err != nil {
		return fmt.Errorf("%s: %w", e.name, err)
	}
	if reachableAllowed || loopback(e.addr) {
		return nil
	}
	return fmt.Errorf("%s: %w", e.name, plaintextError(e.addr, certFlags))
}

// listenable refuses an address that cannot be listened on.
func listenable(addr string) error {
	if addr == "" {
		return errors.New("must not be empty")
	}
	if strings.HasPrefix(addr, "unix:") || strings.HasPrefix(addr, "/") {
		return errors.New("must be HOST:PORT: Unix sockets are not served")
	}
	_, err := net.ResolveTCPAddr("tcp", addr)
	return err
}

// plaintextError says why an address is refused, and what to do; certFlags may be empty.
func plaintextError(addr, certFlags string) error {
	cure := "listen on 127.0.0.1"
	if certFlags != "" {
		cure = "give " + certFlags
	}
	return fmt.Errorf(
		"plaintext on %s, which other machines can reach: %s, or permit it with --allow-plaintext",
		addr, cure)
}

// loopback says whether only this machine can reach an address (host or host:port).
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	resolved, err := net.ResolveIPAddr("ip", host)
	return err == nil && resolved.IP.IsLoopback()
}

// open opens all sockets or none.
func (l *listening) open(ctx context.Context) (server.Listeners, error) {
	grpc, errGRPC := l.grpc.open(ctx)
	http, errHTTP := l.http.open(ctx)
	admin, errAdmin := l.admin.open(ctx)
	if err := errors.Join(errGRPC, errHTTP, errAdmin); err != nil {
		for _, opened := range []net.Listener{grpc, http, admin} {
			if opened != nil {
				_ = opened.Close()
			}
		}
		return server.Listeners{}, err
	}
	return server.Listeners{GRPC: grpc, HTTP: http, Admin: admin}, nil
}

// open opens one socket, or none if the endpoint is off.
func (e endpoint) open(ctx context.Context) (net.Listener, error) {
	if e.addr == "" {
		return nil, nil //nolint:nilnil // as server.Listeners has it
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", e.addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.name, err)
	}
	return l, nil
}

// reachable is addr as clients on this machine reach it: never a wildcard.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr.String()
}

// trustedProxies reads the networks; a single address is a network of one.
func (c *serveCmd) trustedProxies(s *settings) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range c.TrustedProxies {
		text = strings.TrimSpace(text)
		prefix, err := netip.ParsePrefix(text)
		if addr, errAddr := netip.ParseAddr(text); errAddr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %q is neither an address nor a network such as 10.0.0.0/8", s.name("trusted-proxies"), text)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}
