package server

import (
	"context"
	"net/http"

	"google.golang.org/grpc"

	"github.com/jobgate/jobgate/upstream"
)

// relayMethod is the name of relayed requests in the log.
const relayMethod = "/jobgate.rest/Relay"

// relay sends what fits no RPC through the same chain as all calls.
func (c *chain) relay(api *upstream.Client) func(context.Context, upstream.Raw, func(*http.Response) error) error {
	info := &grpc.UnaryServerInfo{FullMethod: relayMethod}
	return func(ctx context.Context, raw upstream.Raw, answer func(*http.Response) error) error {
		_, err := c.unary(ctx, &raw, info, func(ctx context.Context, _ any) (any, error) {
			return nil, api.Relay(ctx, raw, answer)
		})
		return err
	}
}
