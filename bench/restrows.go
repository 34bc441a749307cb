package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jobgate/jobgate/bench/payload"
)

// Names of peers of the REST rows.
const (
	proxyName       = "proxy"
	nginxName       = "nginx"
	grpcGatewayName = "grpc-gateway"
)

// restRows are the calls over GitLab's own API. Their jobs are those of a current
// GitLab.
var restRows = []row{
	{
		name:    "GetJob",
		targets: map[string]float64{proxyName: 1.6, grpcGatewayName: 0.35}, goals: map[string]float64{proxyName: 1.3},
	},
	{
		name: "list20", n: 20,
		targets: map[string]float64{proxyName: 3, grpcGatewayName: 0.15}, goals: map[string]float64{proxyName: 2.2},
	},
	{
		name: "list100", n: 100,
		targets: map[string]float64{proxyName: 4.5, grpcGatewayName: 0.12}, goals: map[string]float64{proxyName: 3.5},
	},
}

// runREST measures the calls over REST.
func (b *bench) runREST(ctx context.Context, names []string) error {
	v := payload.Variants[0]
	defer b.stopPeers()
	for _, r := range restRows {
		if !b.match.MatchString("rest/" + r.name) {
			continue
		}
		if err := b.startPeers(ctx, names); err != nil {
			return err
		}
		var all []*measurement
		for _, p := range b.peers {
			work := restLoad(p, v, r, b.callers)
			if err := verifyREST(work, p.name, v, r); err != nil {
				return fmt.Errorf("rest/%s: %s: %w", r.name, p.name, err)
			}
			all = append(all, &measurement{peer: p, work: work})
		}
		if err := b.measureAll(ctx, all, "rest-"+r.name); err != nil {
			return err
		}
		size, err := answerSize(v, r)
		if err != nil {
			return err
		}
		printRow(os.Stdout, fmt.Sprintf("rest/%s · %s · %s of JSON", r.name, v.About, thousands(size)), r, all)
	}
	return nil
}

// restLoad is a row's load on one peer. grpc-gateway has the contract's name for
// the size of a page, as client-go's services read it.
func restLoad(p *peer, v payload.Variant, r row, callers int) *httpLoad {
	perPage := "per_page"
	if p.name == grpcGatewayName {
		v, perPage = v.WithoutTrailers(), "page_size"
	}
	path := fmt.Sprintf("/api/v4/projects/%d/jobs", v.Project)
	var targets []string
	if r.n > 0 {
		targets = []string{fmt.Sprintf("%s?%s=%d", path, perPage, r.n)}
	} else {
		for i := range payload.Count {
			targets = append(targets, fmt.Sprintf("%s/%d", path, payload.JobID(i)))
		}
	}
	return newHTTPLoad(p.http, targets, "", 200, callers)
}
