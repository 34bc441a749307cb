package live

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// TestAnything lets all happen that can happen, in some order, and proves that whoever
// follows has, since the last reset, bytes of one log that GitLab had, and ends with all.
func TestAnything(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 5
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			memory := []int64{64 << 20, 512 << 10, 1}[seed%3]
			inWorld(t, options{recheck: minute, memory: memory}, func(t *testing.T, w *world) {
				t.Helper()
				c := &chaos{world: w, t: t, rand: rand.New(rand.NewPCG(seed, 1))}
				w.slices, w.chunked = c.rand.IntN(3) > 0, c.rand.IntN(2) == 0
				if c.rand.IntN(2) == 0 {
					w.flaky = func() bool { return rand.IntN(20) == 0 }
				}
				for range 150 {
					c.step()
				}
				c.finish()
			})
		})
	}
}

// chaos is what happens to a world.
type chaos struct {
	*world
	t         *testing.T
	rand      *rand.Rand
	followers []*follower
}

func (c *chaos) step() {
	switch n := c.rand.IntN(40); {
	case n < 14:
		c.grow(c.rand.IntN(20_000))
	case n < 16:
		c.grow(c.rand.IntN(400_000))
	case n < 22:
		c.join()
	case n < 24:
		c.part()
	case n == 24:
		log := c.content()
		c.rewrite(log[:c.rand.IntN(len(log)+1)])
	case n == 25:
		c.rewrite(nil)
		c.grow(c.rand.IntN(300_000))
	case n == 26:
		c.set(func() { c.cut = 1 + c.rand.IntN(3) })
	case n == 27:
		c.set(func() { c.empty = 1 })
	case n == 28:
		c.set(func() { c.down = !c.down })
	case n == 29:
		c.set(func() { c.refused["t1"] = http.StatusForbidden - c.refused["t1"] })
	}
	later(time.Duration(c.rand.Int64N(int64(30 * time.Second))))
	for _, f := range c.followers {
		c.check(f)
	}
}

func (c *chaos) join() {
	from := int64(0)
	if c.rand.IntN(3) > 0 {
		from = c.rand.Int64N(int64(len(c.content())) + 5000)
	}
	pause := time.Duration(c.rand.IntN(3)) * 20 * time.Second
	who := token(fmt.Sprint("t", c.rand.IntN(3)))
	c.followers = append(c.followers, c.follow(who, from, func(f *follower) { f.pause = pause }))
}

func (c *chaos) part() {
	if len(c.followers) > 0 {
		i := c.rand.IntN(len(c.followers))
		c.followers[i].leave()
		c.check(c.followers[i])
		c.followers = append(c.followers[:i], c.followers[i+1:]...)
	}
}

// check compares what a follower has with all that the log has been.
func (c *chaos) check(f *follower) {
	c.t.Helper()
	for _, log := range append(c.versions, c.content()) {
		if bytes.HasPrefix(log[min(f.from, int64(len(log))):], f.got) {
			return
		}
	}
	c.t.Fatalf("%d bytes from %d are of no log", len(f.got), f.from)
}

// finish ends the job.
func (c *chaos) finish() {
	c.end("success")
	c.set(func() { c.down, c.flaky = false, nil })
	rest()
	for _, f := range c.followers {
		<-f.done
		c.check(f)
		if f.ended {
			f.wantLog(c.t, c.content())
			continue
		}
		f.wantHTTP(c.t)
	}
}
