package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthcheckCmd asks a gateway whether it serves.
type healthcheckCmd struct {
	GRPCAddr string        `name:"grpc-addr" default:"127.0.0.1:9090" placeholder:"HOST:PORT" help:"Where the gateway serves gRPC."`
	Service  string        `placeholder:"NAME" help:"What to ask about, such as gitlab: whether GitLab answers. The gateway itself by default."`
	Timeout  time.Duration `default:"3s" placeholder:"DURATION" help:"How long to wait for its answer; 0s is for ever."`
	clientTLS
}

// Help implements kong.HelpProvider.
func (*healthcheckCmd) Help() string {
	return `Prints one line. Exits with 0 if the gateway answers SERVING, else with 1. The address is read from the same variable as that of serve, so that in a container no flag is needed.

Examples:

    jobgate healthcheck
    jobgate healthcheck --service gitlab
    jobgate healthcheck --grpc-addr gateway.example.com:9090 --tls
    jobgate healthcheck --tls --ca-file cert.pem --server-name gateway.example.com`
}

// Run asks once.
func (c *healthcheckCmd) Run(ctx context.Context, p *process, s *settings) error {
	if err := dialable(c.GRPCAddr); err != nil {
		return refused(fmt.Errorf("%s: %w", s.name("grpc-addr"), err))
	}
	waiting, cancel, err := within(ctx, s, c.Timeout)
	if err != nil {
		return err
	}
	defer cancel()
	conn, err := c.dial(c.GRPCAddr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	client := grpc_health_v1.NewHealthClient(conn)
	answer, err := client.Check(waiting, &grpc_health_v1.HealthCheckRequest{Service: c.Service})
	switch {
	case err != nil && ctx.Err() != nil:
		return exitError(exitInterrupted)
	case err != nil:
		s := status.Convert(err)
		return fmt.Errorf("%s: %s: %s", c.GRPCAddr, codeName(s.Code()), printable(s.Message()))
	case answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING:
		return fmt.Errorf("%s: %s", c.GRPCAddr, answer.GetStatus())
	}
	_, err = fmt.Fprintf(p.stdout, "%s: SERVING\n", c.GRPCAddr)
	return err
}
