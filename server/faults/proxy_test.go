package faults

import (
	"bytes"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// way is how an exchange between the gateway and GitLab goes wrong.
type way string

const (
	whole way = ""
	fin   way = "close"          // an orderly end of the connection
	rst   way = "reset"          // the other one
	stall way = "stall, reset"   // nothing for a while, then a reset
	delay way = "delay"          // nothing for a while, then all of it
	late  way = "reset, arrives" // the gateway is reset, and its request arrives all the same, later
)

// fault is what happens to one exchange after some bytes of it.
type fault struct {
	how    way
	answer bool          // the bytes are those of the answer, else of the request
	share  float64       // of the request, or of the first piece of the answer, that passes
	wait   time.Duration // of stall, delay and late
}

// proxy is the network between the gateway and GitLab.
type proxy struct {
	addr, to string
	plan     func(request []byte) fault             // for each exchange
	between  func() (after time.Duration, how way)  // whole: an idle connection lives on
	greet    func() way                             // of each new connection
	struck   func(name string, f fault, at, of int) // tells of a fault
	seen     func(name string)                      // tells of a request that it has passed on, if only in part
	links    map[*link]bool                         // open ones
	mu       sync.Mutex
	lis      net.Listener
	running  sync.WaitGroup
	done     chan struct{}
	conns    int
}

// newProxy starts to listen. The caller closes it.
func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	p := &proxy{to: to, links: map[*link]bool{}, done: make(chan struct{}), lis: loopback(t)}
	p.addr = p.lis.Addr().String()
	p.plan = func([]byte) fault { return fault{} }
	p.between = func() (time.Duration, way) { return 0, whole }
	p.greet = func() way { return whole }
	p.struck = func(string, fault, int, int) {}
	p.seen = func(string) {}
	return p
}

func (p *proxy) serve() {
	p.mu.Lock()
	lis := p.lis
	p.mu.Unlock()
	p.running.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			p.accept(conn.(*net.TCPConn))
		}
	})
}

func (p *proxy) accept(conn *net.TCPConn) {
	switch p.greet() {
	case fin:
		_ = conn.Close()
		return
	case rst:
		_ = conn.SetLinger(0)
		_ = conn.Close()
		return
	}
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = conn.Close()
		return
	}
	l := &link{proxy: p, gateway: conn, gitlab: to.(*net.TCPConn), fresh: true, carried: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links[l] = true
	p.conns++
	p.running.Go(l.up)
	p.running.Go(l.down)
}

// outage refuses connections for a while. Those that are open stay.
func (p *proxy) outage(d time.Duration) {
	p.mu.Lock()
	_ = p.lis.Close()
	p.mu.Unlock()
	p.sleep(d)
	for {
		lis, err := net.Listen("tcp", p.addr)
		if err == nil {
			p.mu.Lock()
			p.lis = lis
			p.mu.Unlock()
			p.serve()
			return
		}
		if !p.sleep(time.Millisecond) {
			return
		}
	}
}

// close ends all connections and waits for what was on its way to arrive.
func (p *proxy) close() {
	close(p.done)
	p.mu.Lock()
	_ = p.lis.Close()
	for l := range p.links {
		l.close(fin)
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *proxy) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.done:
		return false
	}
}

// link is one connection of the gateway's, and the one to GitLab that stands for it.
type link struct {
	*proxy
	gateway, gitlab *net.TCPConn
	carried         chan struct{} // closed when GitLab says no more

	mu       sync.Mutex
	fresh    bool // the next byte of the gateway's begins an exchange
	answered bool // the answer has begun
	fault    fault
	name     string
	late     bool // what is on its way to GitLab arrives, whatever becomes of the gateway
	exchange int
}

func (l *link) close(how way) {
	l.mu.Lock()
	late := l.late
	l.mu.Unlock()
	if how == rst {
		_ = l.gateway.SetLinger(0)
		_ = l.gitlab.SetLinger(0)
	}
	_ = l.gateway.Close()
	if !late {
		_ = l.gitlab.Close()
	}
}

func (l *link) gone() {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	delete(l.links, l)
}

// up carries requests.
func (l *link) up() {
	defer l.gone()
	defer func() { l.close(fin) }()
	buf := make([]byte, 64<<10)
	for {
		n, err := l.gateway.Read(buf)
		if n > 0 && !l.carry(buf[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

// carry takes a piece of a request to GitLab, and says whether there may be more.
func (l *link) carry(piece []byte) bool {
	l.mu.Lock()
	if l.fresh {
		l.fresh, l.answered, l.name = false, false, nameOf(piece)
		l.exchange++
		l.fault = l.plan(piece)
	}
	f, name := l.fault, l.name
	l.mu.Unlock()
	if f.how == whole || f.answer {
		l.seen(name)
		_, err := l.gitlab.Write(piece)
		return err == nil
	}
	at := int(f.share * float64(len(piece)+1)) // from none to all of it
	at = min(at, len(piece))
	l.struck(name, f, at, len(piece))
	if at > 0 {
		l.seen(name)
		if _, err := l.gitlab.Write(piece[:at]); err != nil {
			return false
		}
	}
	switch f.how {
	case delay:
		l.mu.Lock()
		l.fault = fault{}
		l.mu.Unlock()
		if !l.sleep(f.wait) {
			return false
		}
		l.seen(name)
		_, err := l.gitlab.Write(piece[at:])
		return err == nil
	case late:
		l.arriveLate(piece[at:], f.wait)
	case stall:
		l.sleep(f.wait)
		l.close(rst)
	default:
		l.close(f.how)
	}
	return false
}

// arriveLate ends the connection for the gateway, and lets the rest of its request arrive
// afterwards.
func (l *link) arriveLate(rest []byte, wait time.Duration) {
	l.mu.Lock()
	l.late = true
	l.mu.Unlock()
	l.close(rst)
	time.Sleep(wait) // also when all else ends
	l.seen(l.name)
	_, _ = l.gitlab.Write(rest)
	_ = l.gitlab.SetReadDeadline(time.Now().Add(5 * time.Second))
	<-l.carried
	_ = l.gitlab.Close()
}

// down carries answers.
func (l *link) down() {
	defer close(l.carried)
	defer func() { l.close(fin) }()
	buf := make([]byte, 64<<10)
	for {
		n, err := l.gitlab.Read(buf)
		if n > 0 && !l.bring(buf[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

// bring takes a piece of an answer to the gateway, and says whether there may be more.
func (l *link) bring(piece []byte) bool {
	l.mu.Lock()
	if l.late {
		l.mu.Unlock()
		return false
	}
	f, name, first := l.fault, l.name, !l.answered
	l.answered, l.fresh = true, true
	exchange := l.exchange
	l.mu.Unlock()
	if f.how == whole || !f.answer || !first {
		if _, err := l.gateway.Write(piece); err != nil {
			return false
		}
		l.betweenExchanges(exchange)
		return true
	}
	at := min(int(f.share*float64(len(piece)+1)), len(piece))
	l.struck(name, f, at, len(piece))
	if _, err := l.gateway.Write(piece[:at]); err != nil {
		return false
	}
	switch f.how {
	case delay:
		if !l.sleep(f.wait) {
			return false
		}
		_, err := l.gateway.Write(piece[at:])
		return err == nil
	case stall:
		l.sleep(f.wait)
		l.close(rst)
	default:
		l.close(f.how)
	}
	return false
}

// betweenExchanges may end a connection that is idle, just when the gateway uses it again.
func (l *link) betweenExchanges(exchange int) {
	after, how := l.between()
	if how == whole {
		return
	}
	l.running.Go(func() {
		l.sleep(after)
		l.mu.Lock()
		idle := l.fresh && l.exchange == exchange
		l.mu.Unlock()
		if idle {
			l.close(how)
		}
	})
}

// nameOf is the name of the attempt that a request comes from: its proof of possession, which
// goes to GitLab over both faces and makes no other write of it.
func nameOf(request []byte) string {
	_, rest, ok := bytes.Cut(request, []byte("\r\nDpop: "))
	if !ok {
		return ""
	}
	name, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(name)
}

// anyFault draws what happens to an exchange.
func anyFault(r *rand.Rand, most time.Duration) fault {
	f := fault{answer: r.IntN(2) == 0, share: r.Float64(), wait: rand.N(most)}
	switch n := r.IntN(100); {
	case n < 35:
		f.how = fin
	case n < 70:
		f.how = rst
	case n < 78:
		f.how = stall
	case n < 88:
		f.how = delay
	case f.answer:
		f.how = rst
	default:
		f.how = late
	}
	return f
}
