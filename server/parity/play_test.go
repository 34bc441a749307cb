package parity

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// side is a case as it was played on one side.
type side struct {
	gateway  bool
	base     string // what URLs in the answers begin with
	answers  []answer
	received []sandbox.Request
}

func (s side) last() answer { return s.answers[len(s.answers)-1] }

// place is where a case is played.
type place struct {
	network, addr string
	host          string // for the Host field
	base          string // what links begin with, if it is not GitLab's own name
}

// entrance puts something in front of the GitLab at an address, below a path.
type entrance func(t *testing.T, gitlab, below string) place

// straight is no entrance at all.
func straight(_ *testing.T, gitlab, _ string) place {
	return place{network: "tcp", addr: gitlab, host: gitlab}
}

// gateway is the whole server, called on its HTTP listener.
func gateway(t *testing.T, gitlab, below string) place {
	t.Helper()
	api, err := upstream.New("http://"+gitlab+below, upstream.WithTimeout(patience), upstream.WithIdleTimeout(patience),
		upstream.WithNegativeCache(0), upstream.WithAttempts(1), upstream.WithCircuit(false), upstream.WithQuota(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	s, err := server.New(server.Config{ShutdownTimeout: patience, Version: "test"}, api, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	http := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, server.Listeners{GRPC: newQuiet(), HTTP: http}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return place{"unix", http.Addr().String(), "gateway.example:8080", "http://gateway.example:8080"}
}

var start = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// play plays a case on a sandbox of its own.
func play(t *testing.T, tc testCase, in entrance) side {
	t.Helper()
	var clock atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(clock.Load())) }
	box := sandbox.New(append([]sandbox.Option{sandbox.WithClock(now)}, tc.options...)...)
	if tc.arrange != nil {
		tc.arrange(box)
	}
	front := http.Handler(box)
	if tc.front != nil {
		front = tc.front(box)
	}
	at := in(t, serve(t, front), tc.root)
	played := side{gateway: at.base != "", base: at.base}
	below := ""
	if at.base == "" {
		played.base, below = sandbox.DefaultURL+tc.root, tc.root
	}
	before := answer{}
	ask := func(one call) {
		clock.Add(int64(one.later))
		one = filled(one, before, played.base)
		one.target = below + one.target
		before = send(at, one)
		played.answers = append(played.answers, before)
	}
	for _, one := range tc.calls {
		ask(one)
	}
	for tc.walk && nextLink(before.header.Get("Link")) != "" && len(played.answers) < 100 {
		one := tc.calls[len(tc.calls)-1]
		one.target = "{next}"
		ask(one)
	}
	played.received = box.Requests()
	return played
}
