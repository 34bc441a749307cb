package faults

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// trial is one write whose caller's network fails.
type trial struct {
	shape
	mishap

	write  *write
	length int      // of the request
	whole  bool     // the gateway got all of the request
	first  *attempt // the one that the cut happens to
	again  *attempt // another one with the same request id, nil for none
}

func (c *trial) String() string {
	of := "the request"
	if c.reply {
		of = "the reply"
	}
	return fmt.Sprintf("%s of job %d (%s), %s after %d bytes of %s, request id %q", c.verb, c.write.job, c.name, c.how, c.at, of, c.write.id)
}

// trials are all cuts of a shape, at places of a request and a reply of those lengths.
func trials(g gate, r *rand.Rand, s shape, request, reply int, ids bool) (all []*trial) {
	most := max(*writesFlag/80, 5)
	for _, how := range []way{fin, rst, half, stall, delay} {
		for _, at := range everywhere(r, request, most) {
			all = append(all, &trial{shape: s, mishap: mishap{how: how, at: at}})
		}
	}
	for _, at := range everywhere(r, reply, 2*most) {
		how := []way{fin, rst, stall}[r.IntN(3)]
		all = append(all, &trial{shape: s, mishap: mishap{how: how, at: at, reply: true}})
	}
	for n := range most {
		all = append(all, &trial{shape: s, mishap: mishap{how: drip}})
		first := make([]byte, 1+r.IntN(40))
		for i := range first {
			first[i] = byte(r.IntN(256))
			if n%2 == 0 {
				const letters = "GET /api\x00\r\n: HTTP1."
				first[i] = letters[r.IntN(len(letters))]
			}
		}
		all = append(all, &trial{shape: s, mishap: mishap{how: garbage, first: first}})
	}
	for _, c := range all {
		c.wait = time.Duration(r.IntN(20)) * time.Millisecond
		c.write = newWrite(g.gitlab.box, s.verb)
		if ids {
			c.write.id = fmt.Sprint("write-", c.write.job)
		}
	}
	return all
}

// overREST makes the attempt, and the one after it.
func (c *trial) overREST(g gate) {
	a := &attempt{name: fmt.Sprint("write ", c.write.job), face: overREST, begun: time.Now()}
	c.first, c.write.attempts = a, append(c.write.attempts, a)
	request := c.request(c.write, a.name)
	c.length = len(request)
	resp, body, w, err := g.sends(request, c.mishap)
	a.ended, a.claim, a.words = time.Now(), nothing, fmt.Sprint(err)
	if err == nil {
		a.body, a.claim = body, claimOfREST(resp.StatusCode, string(body))
		a.words = fmt.Sprint(resp.Status, " ", short(string(body)))
		a.replayed = resp.Header.Get("Jobgate-Replayed") != ""
		switch resp.StatusCode {
		case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestTimeout: // nothing of it was understood
			a.claim = unsent
		}
	}
	c.whole = w != nil && len(w.sent()) == c.length && c.how != garbage
	c.repeat(g, func(again *attempt) {
		resp, body, _, err := g.sends(c.request(c.write, again.name), mishap{})
		again.claim, again.words = noServer, fmt.Sprint(err)
		if err == nil {
			again.body, again.claim = body, claimOfREST(resp.StatusCode, string(body))
			again.words = fmt.Sprint(resp.Status, " ", short(string(body)))
		}
	})
}

// repeat repeats a write with a request id, over either face.
func (c *trial) repeat(g gate, here func(again *attempt)) {
	switch {
	case c.write.id == "":
		return
	case c.plain && c.write.job%2 == 0:
		other := map[face]face{overREST: overGRPC, overGRPC: overREST}[c.first.face]
		c.again = c.write.attempt(g, other)
	default:
		c.again = &attempt{name: c.first.name + " again", face: c.first.face, begun: time.Now()}
		c.write.attempts = append(c.write.attempts, c.again)
		here(c.again)
		c.again.ended = time.Now()
	}
}

// judge holds all that was told, and arrived, against what was asked for.
func (c *trial) judge(t *testing.T, g gate, want string) {
	t.Helper()
	said := g.gitlab.said(c.write)
	for _, one := range said {
		if got := anyJob(c.write, one); got != want {
			t.Errorf("%v: GitLab was asked for\n%s, and not for\n%s", c, got, want)
		}
	}
	for _, wrong := range c.write.right(g.gitlab.gitlab) {
		t.Errorf("%v: %v (told %s)", c, wrong, c.first.words)
	}
	switch n := len(said); {
	case n > 1:
		t.Errorf("%v: it arrived %d times", c, n)
	case c.again != nil:
		if c.again.claim != done || n != 1 {
			t.Errorf("%v: the repeat was told %s: %s; it arrived %d times", c, c.again.claim, c.again.words, n)
		}
	case !c.whole && n > 0:
		t.Errorf("%v: it arrived, and was not whole", c)
	case (c.passes() || c.reply && c.at > goOn(c.shape) && c.first.face == overREST) && n == 0:
		t.Errorf("%v: it did not arrive; told %s", c, c.first.words)
	}
	if c.passes() && !c.reply && c.first.claim != done {
		t.Errorf("%v: told %s: %s", c, c.first.claim, c.first.words)
	}
}

// goOn is how much of a reply may come before the body was read, where it is waited for.
func goOn(s shape) int {
	if strings.Contains(s.header, "100-continue") {
		return len("HTTP/1.1 100 Continue\r\n\r\n")
	}
	return 0
}

// key names what GitLab is asked for: by shape, and for a write with a request id.
func key(s shape, id bool) string { return fmt.Sprint(s.name, ", with a request id: ", id) }

// anyJob is what GitLab was asked for, without the number of the job.
func anyJob(w *write, said string) string {
	return strings.ReplaceAll(said, fmt.Sprintf("/%d/", w.job), "/JOB/")
}

// TestCallersConnectionsOverREST cuts the connections of those who write at any byte.
func TestCallersConnectionsOverREST(t *testing.T) {
	g, r := newGate(t), drawn(t)
	want := map[string]string{}
	var all []*trial
	for _, s := range shapes() {
		ids := !strings.Contains(s.query, "purpose") // no RPC knows that
		for _, id := range []string{"", "write-of-" + strings.ReplaceAll(s.name, " ", "-")}[:map[bool]int{false: 1, true: 2}[ids]] {
			w := newWrite(g.gitlab.box, s.verb)
			w.id = id
			request := s.request(w, "write 0000")
			resp, body, wire, err := g.sends(request, mishap{})
			said := g.gitlab.said(w)
			if err != nil || resp.StatusCode/100 != 2 || len(said) != 1 {
				t.Fatalf("%s, undisturbed: %v, %s, %q", s.name, err, body, said)
			}
			want[key(s, id != "")] = anyJob(w, said[0])
			all = append(all, trials(g, r, s, len(request), wire.read(), id != "")...)
		}
	}
	before := measure(g.idle, nil)
	each(all, func(c *trial) { c.overREST(g) })
	g.wantIdle(t, before)
	claims := map[claim]int{}
	for _, c := range all {
		c.judge(t, g, want[key(c.shape, c.write.id != "")])
		claims[cmp.Or(c.first.claim, nothing)]++
	}
	t.Logf("%d cuts, %d shapes; told at first: %v", len(all), len(shapes()), claims)
}
