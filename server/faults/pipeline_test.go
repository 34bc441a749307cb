package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// pair are two writes that are sent one right after the other.
type pair struct {
	mishap

	shape         shape // of the first one
	first, second *write
	whole         bool // the gateway got all of the second one
	told          string
}

// send sends both, and cuts the connection after so many bytes of the second.
func (p *pair) send(g gate, behind shape) {
	first := p.shape.request(p.first, fmt.Sprint("write ", p.first.job))
	request := first + behind.request(p.second, fmt.Sprint("write ", p.second.job))
	p.at = min(len(first)+p.at, len(request))
	_, body, w, err := g.sends(request, p.mishap)
	p.whole = w != nil && len(w.sent()) == len(request)
	p.told = fmt.Sprint(short(string(body)), " ", err)
}

// TestWriteBehindAnotherIsCut cuts the second of two writes that are sent without waiting: it
// does not arrive, and becomes no part of the first one.
func TestWriteBehindAnotherIsCut(t *testing.T) {
	g, r := newGate(t), drawn(t)
	var all []*pair
	want := map[string]string{}
	behind := shapes()[1]
	for _, s := range shapes() {
		w := newWrite(g.gitlab.box, s.verb)
		if _, _, _, err := g.sends(s.request(w, "write 0000"), mishap{}); err != nil || len(g.gitlab.said(w)) != 1 {
			t.Fatalf("%s, undisturbed: %v", s.name, err)
		}
		want[s.name] = anyJob(w, g.gitlab.said(w)[0])
		for _, how := range []way{fin, rst, half, stall} {
			for _, at := range everywhere(r, 220, max(*writesFlag/80, 5)) { // about as much as it has
				all = append(all, &pair{
					mishap: mishap{how: how, at: at, wait: time.Duration(r.IntN(20)) * time.Millisecond},
					shape:  s, first: newWrite(g.gitlab.box, s.verb), second: newWrite(g.gitlab.box, behind.verb),
				})
			}
		}
	}
	before := measure(g.idle, nil)
	each(all, func(p *pair) { p.send(g, behind) })
	g.wantIdle(t, before)
	for _, p := range all {
		first, second := g.gitlab.said(p.first), g.gitlab.said(p.second)
		if len(first) > 1 || len(second) > 1 || len(second) > 0 && !p.whole {
			t.Errorf("%s, %s after %d bytes: the first arrived %d times, the second %d times (whole: %v), told %s", p.shape.name, p.how, p.at, len(first), len(second), p.whole, p.told)
		}
		for _, one := range first {
			if got := anyJob(p.first, one); got != want[p.shape.name] {
				t.Errorf("%s, %s after %d bytes: GitLab was asked for\n%s, and not for\n%s", p.shape.name, p.how, p.at, got, want[p.shape.name])
			}
		}
	}
	t.Logf("%d pairs", len(all))
}

// TestWriteInThePlaceOfARest sends only a part of a write, in chunks, and then another write:
// neither becomes one that is made of both, or of half.
func TestWriteInThePlaceOfARest(t *testing.T) {
	g, r := newGate(t), drawn(t)
	var all []*pair
	behind := shapes()[0]
	for _, s := range shapes() {
		if !strings.Contains(s.header, "chunked") { // else the other write is what the length says
			continue
		}
		const end = "\r\n0\r\n" // behind it are trailers, whatever they say
		length := strings.LastIndex(s.request(newWrite(g.gitlab.box, s.verb), "write 13372368420"), end) + len(end)
		for _, at := range everywhere(r, length, max(*writesFlag/4, 100)) {
			all = append(all, &pair{mishap: mishap{at: at}, shape: s, first: newWrite(g.gitlab.box, s.verb), second: newWrite(g.gitlab.box, behind.verb)})
		}
	}
	before := measure(g.idle, nil)
	each(all, func(p *pair) {
		first := p.shape.request(p.first, fmt.Sprint("write ", p.first.job))
		_, body, _, err := g.sends(first[:p.at]+behind.request(p.second, fmt.Sprint("write ", p.second.job)), mishap{})
		p.told = fmt.Sprint(short(string(body)), " ", err)
	})
	g.wantIdle(t, before)
	for _, p := range all {
		first, second := g.gitlab.said(p.first), g.gitlab.said(p.second)
		if len(first) > 0 || len(second) > 0 && p.at > 0 {
			t.Errorf("%s, %d bytes of it: GitLab was asked for %q and %q; told %s", p.shape.name, p.at, first, second, p.told)
		}
	}
	t.Logf("%d pairs", len(all))
}
