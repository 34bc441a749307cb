package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/jobgate/jobgate/bench/payload"
	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
)

// Names of peers: the gateway that keeps answers for conditional requests, and the one
// that keeps none.
const (
	cachedName   = "cached"
	uncachedName = "uncached"
)

// cacheSize is the gateway's own.
const cacheSize = 64 << 20

// cacheRow is a page of 100 that has not changed since the caller's last call.
type cacheRow struct {
	row
	about  string
	extra  string // header of the request
	status int
}

var cacheRows = []cacheRow{
	{
		row:    row{name: "unchanged100", n: 100, subject: cachedName, targets: map[string]float64{uncachedName: 0.5}},
		about:  "the upstream can answer 304, the caller asks for all",
		status: http.StatusOK,
	},
	{
		row:    row{name: "validated100", n: 100, subject: cachedName, targets: map[string]float64{uncachedName: 0.5}},
		about:  "the caller sends If-None-Match and is answered 304",
		extra:  "If-None-Match: " + etag + "\r\n",
		status: http.StatusNotModified,
	},
}

// runCache measures what it saves that an upstream says 304. The reverse proxy shows
// what the same costs where nobody reads the answer.
func (b *bench) runCache(ctx context.Context) error {
	v := payload.Variants[0].WithETag()
	defer b.stopPeers()
	for _, r := range cacheRows {
		if !b.match.MatchString("rest/" + r.name) {
			continue
		}
		if err := b.startPeers(ctx, []string{cachedName, uncachedName, proxyName}); err != nil {
			return err
		}
		var all []*measurement
		for _, p := range b.peers {
			work := r.load(p, v, b.callers)
			if err := r.verify(work, p.name, v); err != nil {
				return fmt.Errorf("rest/%s: %s: %w", r.name, p.name, err)
			}
			all = append(all, &measurement{peer: p, work: work})
		}
		if err := b.measureAll(ctx, all, "rest-"+r.name); err != nil {
			return err
		}
		printRow(os.Stdout, fmt.Sprintf("rest/%s · %s", r.name, r.about), r.row, all)
	}
	return nil
}

func (r cacheRow) load(p *peer, v payload.Variant, callers int) *httpLoad {
	return newHTTPLoad(p.http, []string{fmt.Sprintf("%s?per_page=%d", listBase(v), r.n)}, r.extra, r.status, callers)
}

// verify makes the first call as verifyREST does. A 304 has no body to compare.
func (r cacheRow) verify(work *httpLoad, peerName string, v payload.Variant) error {
	if r.status == http.StatusOK {
		return verifyREST(work, peerName, v, r.row)
	}
	resp, body, err := work.first()
	if err != nil {
		return err
	}
	if resp.StatusCode != r.status || len(body) > 0 || resp.Header.Get("ETag") != etag {
		return fmt.Errorf("answered %s, ETag %q, %d bytes", resp.Status, resp.Header.Get("ETag"), len(body))
	}
	return nil
}

// serveCached and serveUncached are the gateway within this program, which can set what
// its binary may have no flag for.
func serveCached(lis net.Listener, cfg roleConfig) error { return serveGateway(lis, cfg, cacheSize) }

func serveUncached(lis net.Listener, cfg roleConfig) error { return serveGateway(lis, cfg, 0) }

func serveGateway(lis net.Listener, cfg roleConfig, cache int64) error {
	api, err := upstream.New(cfg.upstream, upstream.WithCache(cache))
	if err != nil {
		return err
	}
	defer api.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	gateway, err := server.New(server.Config{Version: "bench"}, api, log)
	if err != nil {
		return err
	}
	grpc, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return gateway.Run(context.Background(), server.Listeners{GRPC: grpc, HTTP: lis})
}
