package soak

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// chaos is what happens in a round.
type chaos struct {
	*world
	rand *rand.Rand
}

// happening is one kind of event. Of two with the weights 2 and 1 the first comes twice as often.
type happening struct {
	name   string
	weight int
	when   func(w *world) bool // nil for always
	what   func(c *chaos)
}

var happenings = []happening{
	{"log grows", 24, running, func(c *chaos) { c.grow(content(c.rand, 1+c.rand.IntN(3000))) }},
	{"log grows a lot", 3, running, func(c *chaos) { c.grow(content(c.rand, 1+c.rand.IntN(300_000))) }},
	{"log rewritten", 3, mutable, func(c *chaos) { c.rewrite(c.some, content(c.rand, 1+c.rand.IntN(30_000))) }},
	{"log truncated", 2, mutable, func(c *chaos) { c.rewrite(c.some, nil) }},
	{"follower joins", 6, nil, func(c *chaos) { c.join(c.rand) }},

	{"connection cut", 28, nil, func(c *chaos) {
		if wire := c.any().wires.any(c.rand); wire != nil {
			wire.cut(c.rand.IntN(2) * c.rand.IntN(20_000))
		}
	}},
	{"connection silent", 3, nil, func(c *chaos) {
		if wire := c.any().wires.any(c.rand); wire != nil {
			wire.stall()
		}
	}},
	{"gateway killed", 4, nil, func(c *chaos) { r := c.any(); r.restart(r.kill, c.soon(10*time.Second)) }},
	{"gateway drained", 4, nil, func(c *chaos) { r := c.any(); r.restart(r.drain, c.soon(10*time.Second)) }},

	{"gitlab: log breaks off", 8, nil, func(c *chaos) {
		c.gitlab.set(func() {
			for range 1 + c.rand.IntN(4) {
				c.gitlab.short = append(c.gitlab.short, c.rand.IntN(2)*c.rand.IntN(50_000))
			}
		})
	}},
	{"gitlab: short body", 2, nil, func(c *chaos) { // of a log, this one would tell a wrong length
		c.gitlab.Fail(sandbox.Match{Route: sandbox.RouteJob}, sandbox.Fault{Kind: sandbox.ShortBody, Times: 1 + c.rand.IntN(3)})
	}},
	{"gitlab: reset in a body", 4, nil, func(c *chaos) {
		c.fault(sandbox.Fault{Kind: sandbox.ResetMidBody, After: c.rand.IntN(2) * c.rand.IntN(50_000)})
	}},
	{"gitlab: reset", 2, nil, func(c *chaos) { c.fault(sandbox.Fault{Kind: sandbox.ResetBeforeReply}) }},
	{"gitlab: 502", 3, nil, func(c *chaos) {
		c.fault(sandbox.Fault{Kind: sandbox.StatusFault, Status: 502, Body: "<html>502</html>"})
	}},
	{"gitlab: 429", 2, nil, func(c *chaos) {
		c.fault(sandbox.Fault{Kind: []sandbox.FaultKind{sandbox.TooManyJSON, sandbox.TooManyText, sandbox.TooManyHTML}[c.rand.IntN(3)]})
	}},
	{"gitlab: late", 4, nil, func(c *chaos) {
		c.fault(sandbox.Fault{Kind: sandbox.Latency, Delay: sandbox.Duration(c.soon(20 * time.Second))})
	}},
	{"gitlab: hangs", 2, nil, func(c *chaos) {
		c.fault(sandbox.Fault{Kind: []sandbox.FaultKind{sandbox.HangBeforeHeader, sandbox.HangAfterHeader}[c.rand.IntN(2)]})
	}},
	{"gitlab: down", 1, nil, func(c *chaos) {
		c.gitlab.set(func() { c.gitlab.down = true })
		c.pass(c.soon(40 * time.Second))
		c.gitlab.set(func() { c.gitlab.down = false })
	}},
	{"gitlab: knows slices, or not", 2, nil, func(c *chaos) { c.gitlab.set(func() { c.gitlab.whole = !c.gitlab.whole }) }},
	{"gitlab: tells lengths, or not", 2, nil, func(c *chaos) { c.gitlab.set(func() { c.gitlab.chunked = !c.gitlab.chunked }) }},
	{"gitlab: no log for a moment", 2, archives, func(c *chaos) {
		c.archived = time.Now()
		c.gitlab.set(func() { c.gitlab.empty = 1 })
	}},
	{"token revoked", 1, nil, func(c *chaos) { c.revoke(tokens[1+c.rand.IntN(len(tokens)-1)]) }},
}

func running(w *world) bool { return w.status == "" }
func mutable(w *world) bool { return w.plan.rewrites }

// archives says whether the log may be being moved into GitLab's archive, which it is not
// twice within a few minutes: a log that is away for two looks in a row has become shorter.
func archives(w *world) bool {
	return w.status != "" && time.Since(w.archived) > stale
}

func (c *chaos) any() *replica { return c.replicas[c.rand.IntN(len(c.replicas))] }

func (c *chaos) some(size int) int { return c.rand.IntN(size + 1) }

func (c *chaos) soon(most time.Duration) time.Duration {
	return time.Duration(c.rand.Int64N(int64(most)))
}

// fault lets a few requests of some kind fail.
func (c *chaos) fault(f sandbox.Fault) {
	f.Times = 1 + c.rand.IntN(3)
	c.gitlab.Fail(sandbox.Match{Route: []string{"", sandbox.RouteTrace}[c.rand.IntN(2)]}, f)
}

// steps lets things happen, until something has failed.
func (c *chaos) steps(n int) {
	for range n {
		if c.ctx.Err() != nil {
			return
		}
		c.step()
		c.rest()
	}
}

func (c *chaos) step() {
	total := 0
	var may []happening
	for _, h := range happenings {
		if (h.when == nil || h.when(c.world)) && !slices.Contains(strings.Split(*without, ","), h.name) {
			may = append(may, h)
			total += h.weight
		}
	}
	n := c.rand.IntN(total)
	for _, h := range may {
		if n -= h.weight; n < 0 {
			c.happens(h.name)
			h.what(c)
			return
		}
	}
}

// pass lets time pass: mostly a little, now and then a lot.
func (c *chaos) pass(d time.Duration) { c.sleepAll(d) }

func (c *chaos) rest() {
	d := 4 * time.Second
	if c.rand.IntN(10) == 0 {
		d = 90 * time.Second
	}
	c.pass(c.soon(d))
}
