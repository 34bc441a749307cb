package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// asking is one read whose caller's network fails.
type asking struct {
	route
	mishap

	face face
	told string
	part bool // the gateway did not get all of the request
}

func (a *asking) String() string {
	return fmt.Sprintf("%s over %s, %s after %d bytes (of the reply: %v)", a.name, a.face, a.how, a.at, a.reply)
}

// request is the request over REST, byte for byte.
func (r route) request(job int64) string {
	form := ""
	if r.form != "" {
		form = "Accept: " + r.form + "\r\n"
	}
	return r.rest(job) + " HTTP/1.1\r\nHost: gateway\r\n" + form + r.header() + ": " + r.token + "\r\n\r\n"
}

// ask makes the call.
func (a *asking) ask(g gate, job int64) (request, reply int) {
	if a.face == overREST {
		resp, _, w, err := g.sends(a.request(job), a.mishap)
		a.told = fmt.Sprint(err)
		if err == nil {
			a.told = resp.Status
		}
		if w == nil {
			return 0, 0
		}
		a.part = len(w.sent()) < len(a.request(job)) || a.how == garbage
		return len(w.sent()), w.read()
	}
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	by, used, end := g.over(a.mishap)
	a.told = a.overGRPC(ctx, by, job)
	end()
	all := used()
	if len(all) == 0 {
		return 0, 0
	}
	return len(all[0].sent()), all[0].read()
}

// askings are all mishaps of a route over a face.
func (a *asking) askings(r *rand.Rand, request, reply int) (all []*asking) {
	most := max(*writesFlag/200, 2)
	add := func(m mishap) {
		m.wait = time.Duration(r.IntN(20)) * time.Millisecond
		all = append(all, &asking{route: a.route, face: a.face, mishap: m})
	}
	for _, how := range []way{fin, rst, half, stall, delay} {
		for _, at := range everywhere(r, request, most) {
			add(mishap{how: how, at: at})
		}
	}
	for _, at := range everywhere(r, reply, 2*most) {
		add(mishap{how: []way{fin, rst, stall}[r.IntN(3)], at: at, reply: true})
	}
	add(mishap{how: drip})
	add(mishap{how: garbage, first: []byte("\x16\x03\x01\r\n")})
	return all
}

// asks is what a read asks GitLab for: the path, but for logs, of which it may be any part.
func asks(uri string) string {
	path, query, _ := strings.Cut(uri, "?")
	if strings.HasSuffix(path, "/trace") {
		return path
	}
	return path + "?" + query
}

// TestCallersConnectionsOfReads cuts the connections of those who read at any byte: nothing
// that was not asked for is read, and nothing is left behind.
func TestCallersConnectionsOfReads(t *testing.T) {
	g, random := newGate(t), drawn(t)
	job := g.gitlab.box.AddJob(sandbox.NewJob{Steps: []sandbox.Step{{Status: "success"}}, Log: []byte(strings.Repeat("a line of a log\n", 100))})
	var all []*asking
	for _, r := range routes() {
		if r.verb != "" {
			continue
		}
		for _, f := range r.faces() {
			if f == asItComes {
				continue
			}
			a := &asking{route: r, face: f}
			request, reply := a.ask(g, job)
			if !strings.HasPrefix(a.told, "OK") && !strings.HasPrefix(a.told, "200") {
				t.Fatalf("%v, undisturbed: %s", a, a.told)
			}
			all = append(all, a.askings(random, request, reply)...)
		}
	}
	asked := map[string]bool{}
	for uri := range g.gitlab.reads {
		asked[asks(uri)] = true
	}
	before := measure(g.idle, nil)
	each(all, func(a *asking) { a.ask(g, job) })
	g.wantIdle(t, before)
	for _, a := range all {
		fine := strings.HasPrefix(a.told, "OK") || strings.HasPrefix(a.told, "20")
		if fine && a.part || !fine && a.passes() && !a.reply {
			t.Errorf("%v: %s", a, a.told)
		}
	}
	for uri := range g.gitlab.reads {
		if !asked[asks(uri)] {
			t.Errorf("GitLab was asked for %s", uri)
		}
	}
	t.Logf("%d cuts", len(all))
}
