package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// clientTLS is how the client commands secure their connection.
type clientTLS struct {
	TLS        bool   `help:"Connect with TLS."`
	CAFile     string `placeholder:"FILE" help:"Certificates (PEM) to trust instead of the system's; with --tls."`
	CertFile   string `placeholder:"FILE" help:"Certificate chain (PEM) to show to the gateway; with --tls and --key-file."`
	KeyFile    string `placeholder:"FILE" help:"Private key (PEM) of --cert-file."`
	ServerName string `placeholder:"NAME" help:"Name that the certificate must have, if not the host in the address; with --tls."`
}

// dialable refuses an address that is not HOST:PORT: gRPC would add a port, or take the
// host for the name of a scheme. Without a host it is this machine.
func dialable(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil || !validPort(port) {
		return errors.New("must be HOST:PORT, such as 127.0.0.1:9090")
	}
	return nil
}

// validPort says whether text is the number of a port.
func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// within bounds ctx by a --timeout, where 0 is for ever.
func within(ctx context.Context, s *settings, timeout time.Duration) (context.Context, context.CancelFunc, error) {
	switch {
	case timeout < 0:
		return nil, nil, refused(fmt.Errorf("%s: must not be negative; 0s is for ever", s.name("timeout")))
	case timeout == 0:
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, nil
}

// dial prepares a connection to a gateway; it does not connect yet. An error is the
// fault of a flag.
func (c *clientTLS) dial(addr string) (*grpc.ClientConn, error) {
	transport, err := c.credentials()
	if err != nil {
		return nil, refused(err)
	}
	conn, err := grpc.NewClient(addr,
		grpc.WithTransportCredentials(transport),
		// The gateway bounds its answers; the 4 MiB that gRPC allows by default are
		// fewer than a page of 100 jobs may take.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		// Who follows a log waits for a gateway to come back: up to 2 minutes by default.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 20 * time.Second, // the default
		}))
	return conn, refused(err)
}

func (c *clientTLS) credentials() (credentials.TransportCredentials, error) {
	if !c.TLS {
		if c.CAFile != "" || c.ServerName != "" || c.CertFile != "" || c.KeyFile != "" {
			return nil, errors.New("--ca-file, --cert-file, --key-file and --server-name need --tls")
		}
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca-file: no certificate in %s", c.CAFile)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, errors.New("--cert-file and --key-file need each other")
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("--cert-file and --key-file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(config), nil
}
