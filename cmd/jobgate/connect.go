package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// gatewayFlags say which gateway a client command calls, and as whom.
type gatewayFlags struct {
	Addr           string   `default:"127.0.0.1:9090" placeholder:"HOST:PORT" help:"Where the gateway serves gRPC."`
	Token          string   `placeholder:"TOKEN" help:"GitLab access token, sent as private-token unless a -H is a credential. Never printed."`
	Header         []string `short:"H" env:"-" sep:"none" placeholder:"NAME:VALUE" help:"Metadata to send, such as 'job-token: …'; repeatable."`
	AllowPlaintext bool     `help:"Connect without TLS also to another machine."`
	clientTLS
}

// credentialNames are the metadata that GitLab takes for one.
var credentialNames = []string{"private-token", "authorization", "job-token"}

// headerName is what names metadata, in lower case.
var headerName = regexp.MustCompile(`^[a-z0-9_.-]+$`)

// visible says whether text can be the value of metadata.
func visible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// connect prepares a connection, which the caller closes, and the context of its calls.
// An error is the fault of a flag.
func (g *gatewayFlags) connect(ctx context.Context, s *settings) (context.Context, *grpc.ClientConn, error) {
	md, err := g.metadata(s)
	if err != nil {
		return nil, nil, refused(err)
	}
	if err := dialable(g.Addr); err != nil {
		return nil, nil, refused(fmt.Errorf("%s: %w", s.name("addr"), err))
	}
	if !g.TLS && !g.AllowPlaintext && !loopback(g.Addr) {
		return nil, nil, refused(fmt.Errorf("%s: plaintext to %s, another machine: "+
			"give --tls, or permit it with --allow-plaintext", s.name("addr"), g.Addr))
	}
	conn, err := g.dial(g.Addr)
	return metadata.NewOutgoingContext(ctx, md), conn, err
}

// metadata is what --token and the -H flags say. Errors don't quote them.
func (g *gatewayFlags) metadata(s *settings) (metadata.MD, error) {
	md := metadata.MD{}
	for i, header := range g.Header {
		name, value, ok := strings.Cut(header, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !ok || strings.HasPrefix(name, "grpc-"):
			return nil, fmt.Errorf("-H number %d: want 'name: value', the name not one of gRPC's own", i+1)
		case !headerName.MatchString(name):
			return nil, fmt.Errorf("-H number %d: a name consists of letters, digits, '-', '_' and '.'", i+1)
		case !strings.HasSuffix(name, "-bin") && !visible(value): // gRPC encodes the former
			return nil, fmt.Errorf("-H number %d: the value has a line break, or another character that is not plain ASCII", i+1)
		}
		md.Append(name, value)
	}
	for _, name := range credentialNames {
		if len(md.Get(name)) > 0 {
			return md, nil
		}
	}
	if !visible(g.Token) {
		return nil, fmt.Errorf("%s: has a line break, or another character that is not plain ASCII", s.name("token"))
	}
	if g.Token != "" {
		md.Set("private-token", g.Token)
	}
	return md, nil
}
