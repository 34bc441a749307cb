package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Ways for an exchange between a caller and the gateway, beside those of [proxy].
const (
	half    way = "half-close"     // no more of the request, but the reply is read
	drip    way = "byte by byte"   // all of it, in pieces of one byte
	garbage way = "garbage before" // and then all of it
)

// mishap is what happens to a caller's connection once so many bytes have passed.
type mishap struct {
	how   way
	reply bool // the bytes are those of the reply, else of the request
	at    int
	wait  time.Duration // of stall and delay
	first []byte        // of garbage
}

// passes says whether the whole request reaches the gateway in the end.
func (c mishap) passes() bool { return c.how == whole || c.how == delay || c.how == drip }

var errCutOff = errors.New("the caller's network has failed")

// wire is a caller's connection to the gateway on which a cut happens, once.
type wire struct {
	*net.TCPConn
	cut mishap

	mu   sync.Mutex
	up   []byte // what the gateway was sent
	down int    // bytes of the reply that were read
	over bool   // the cut has happened
}

// dialWire connects to the gateway.
func dialWire(ctx context.Context, to string, c mishap) (*wire, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	return &wire{TCPConn: conn.(*net.TCPConn), cut: c}, nil
}

// sent is what the gateway was sent, without garbage.
func (w *wire) sent() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.up)
}

// read is how many bytes of the reply were read.
func (w *wire) read() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.down
}

// Write implements [net.Conn].
func (w *wire) Write(p []byte) (int, error) {
	n, now := w.pass(len(p))
	if n < 0 {
		return len(p), nil // nobody hears it
	}
	if err := w.send(p[:n]); err != nil || !now {
		return n, err
	}
	switch w.cut.how {
	case half:
		return len(p), w.CloseWrite()
	case delay:
		time.Sleep(w.cut.wait)
	case garbage:
		if _, err := w.TCPConn.Write(w.cut.first); err != nil {
			return n, err
		}
	default:
		return n, w.end()
	}
	return len(p), w.send(p[n:])
}

// pass says how much of a piece of the request passes before the cut, and whether the cut is
// then; -1 if there is no way any more.
func (w *wire) pass(piece int) (n int, now bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.cut.at - len(w.up)
	switch {
	case w.over && w.cut.how == half:
		return -1, false
	case w.over || w.cut.reply || w.cut.how == whole || w.cut.how == drip || left > piece:
		return piece, false
	}
	w.over = true
	return left, true
}

// send sends a piece.
func (w *wire) send(p []byte) error {
	piece := len(p)
	if w.cut.how == drip {
		piece = 1
	}
	for len(p) > 0 {
		n, err := w.TCPConn.Write(p[:min(piece, len(p))])
		w.mu.Lock()
		w.up = append(w.up, p[:n]...)
		w.mu.Unlock()
		if p = p[n:]; err != nil {
			return err
		}
	}
	return nil
}

// Read implements [net.Conn].
func (w *wire) Read(p []byte) (int, error) {
	switch {
	case w.cut.how == drip:
		p = p[:min(1, len(p))]
	case w.cut.reply && w.cut.how != whole:
		left := w.cut.at - w.read()
		if left == 0 {
			return 0, w.end()
		}
		p = p[:min(left, len(p))]
	}
	n, err := w.TCPConn.Read(p)
	w.mu.Lock()
	w.down += n
	w.mu.Unlock()
	return n, err
}

// end ends the connection as the cut has it.
func (w *wire) end() error {
	if w.cut.how == stall {
		time.Sleep(w.cut.wait)
	}
	if w.cut.how != fin {
		_ = w.SetLinger(0)
	}
	_ = w.Close()
	return errCutOff
}

// everywhere are places in n bytes: all of them in a long run, else some, the ends among them.
func everywhere(r *rand.Rand, n, most int) (at []int) {
	if *writesFlag >= 10_000 || n < most {
		most = n + 1
	}
	at = append([]int{0, 1, n - 1, n}, r.Perm(n + 1)[:most]...)
	slices.Sort(at)
	return slices.Compact(slices.DeleteFunc(at, func(i int) bool { return i < 0 || i > n }))
}

// drawn is where the places of this run are drawn from.
func drawn(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Log("seed", seed)
	return rand.New(rand.NewPCG(seed, 3))
}

// each does something for all, some at a time.
func each[T any](all []T, do func(T)) {
	work := make(chan T)
	var busy sync.WaitGroup
	for range 16 {
		busy.Go(func() {
			for one := range work {
				do(one)
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	busy.Wait()
}
