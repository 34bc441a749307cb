package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/jobgate/jobgate/bench/payload"
)

// Names of peers: the gateway that is watched, and what takes its traces.
const (
	watchedName   = "watched"
	collectorName = "collector"
)

// watchedRow is what it may cost to watch the gateway, against one that nobody watches.
var watchedRow = row{name: "GetJob", subject: watchedName, targets: map[string]float64{gatewayName: 1.1}}

// scrapeEvery is how often the metrics of the gateway are read that is watched, more often
// than anybody does.
const scrapeEvery = time.Second

// runWatched measures what it costs to trace one call in a hundred, to log each, and to read
// the metrics, over gRPC and over REST.
func (b *bench) runWatched(ctx context.Context) error {
	if !b.match.MatchString("watched/GetJob") && !b.match.MatchString("watched/rest") {
		return nil
	}
	collector, err := startRole(ctx, collectorName, roleConfig{})
	if err != nil {
		return err
	}
	defer collector.stop()
	b.collector = collector.addr
	defer b.stopPeers()
	if err := b.startPeers(ctx, []string{watchedName, gatewayName}); err != nil {
		return err
	}
	stop := b.scrape(ctx)
	defer stop()
	v := payload.Variants[0]
	if b.match.MatchString("watched/GetJob") {
		all, err := b.measureRow(ctx, v, watchedRow)
		if err != nil {
			return err
		}
		printRow(os.Stdout, "watched/GetJob · 1 % traced, each call logged, metrics read each second; over gRPC", watchedRow, all)
	}
	if !b.match.MatchString("watched/rest") {
		return nil
	}
	var all []*measurement
	for _, p := range b.peers {
		work := restLoad(p, v, watchedRow, b.callers)
		if err := verifyREST(work, p.name, v, watchedRow); err != nil {
			return fmt.Errorf("watched/rest: %s: %w", p.name, err)
		}
		all = append(all, &measurement{peer: p, work: work})
	}
	if err := b.measureAll(ctx, all, "watched-rest"); err != nil {
		return err
	}
	printRow(os.Stdout, "watched/rest · the same over REST", watchedRow, all)
	return nil
}

// startWatched starts the gateway as those run it who want to know.
func (b *bench) startWatched(ctx context.Context, upstream string) (*peer, error) {
	p, err := startGatewayIn(ctx, []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + b.collector,
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01",
	}, b.binary, b.dir, upstream, "--access-log", "--log-format", "json")
	if err == nil {
		p.name = watchedName
	}
	return p, err
}

// scrape reads the metrics until stop is called.
func (b *bench) scrape(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var scraping sync.WaitGroup
	scraping.Go(func() {
		tick := time.NewTicker(scrapeEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.peers[0].mallocs(ctx) // among all others
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		scraping.Wait()
	}
}

// serveCollector takes traces over HTTP, and throws them away.
func serveCollector(lis net.Listener, _ roleConfig) error {
	return http.Serve(lis, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // of this program alone
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
}
