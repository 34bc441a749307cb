package server

import (
	"cmp"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Connections say how gRPC connections are kept, and ended. 0 is the default of each.
type Connections struct {
	// KeepaliveTime is how long a connection may be silent before it is asked for a sign of
	// life, a minute by default; without one within KeepaliveTimeout, 20 s by default, it is
	// closed, so that a caller who is gone holds no stream.
	KeepaliveTime, KeepaliveTimeout time.Duration
	// KeepaliveMinTime is how often a caller may ask for one: every 10 s by default. Who asks
	// more often is sent away (GOAWAY, ENHANCE_YOUR_CALM).
	KeepaliveMinTime time.Duration
	// MaxIdle is how long a connection may have no call; 0 is for ever.
	MaxIdle time.Duration
	// MaxStreams is how many calls one connection may have under way; 0 is any number.
	MaxStreams uint32
}

// options are those of a server whose connections become no older than age, 0 for any age.
func (c Connections) options(age time.Duration) []grpc.ServerOption {
	all := []grpc.ServerOption{
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: cmp.Or(c.KeepaliveTime, time.Minute), Timeout: cmp.Or(c.KeepaliveTimeout, 20*time.Second),
			MaxConnectionIdle: c.MaxIdle, MaxConnectionAge: age, MaxConnectionAgeGrace: age,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: cmp.Or(c.KeepaliveMinTime, 10*time.Second), PermitWithoutStream: true}),
	}
	if c.MaxStreams > 0 {
		all = append(all, grpc.MaxConcurrentStreams(c.MaxStreams))
	}
	return all
}
