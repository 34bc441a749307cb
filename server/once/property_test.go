package once

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnything lets all happen that can happen, in some order, beside a model that knows
// of each name whether a run of it may begin now.
func TestAnything(t *testing.T) {
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			cfg := Config{Window: time.Minute, All: Bound{Entries: 7}, Each: Bound{Entries: 4}, Strangers: Bound{Entries: 3}}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				t.Helper()
				m := &model{world: w, rand: rand.New(rand.NewPCG(seed, 1)), names: map[Key]*name{}}
				for range 300 {
					m.step()
				}
				for _, r := range m.open {
					<-r
				}
			})
		})
	}
}

// model is what is known of all names. The world's lock guards it.
type model struct {
	*world
	rand  *rand.Rand
	names map[Key]*name
	tick  time.Duration // makes the times of steps differ from those at which runs end
	n     int
	open  []<-chan struct{}
}

// name is a request id of an owner.
type name struct {
	owner   int
	fate    Fate // 0 while it is under way
	content string
	answer  string
	until   time.Time
}

// live is the name if it is remembered or under way.
func (m *model) live(key Key) *name {
	n := m.names[key]
	if n == nil || n.fate == Undone || n.fate != 0 && !time.Now().Before(n.until) {
		return nil
	}
	return n
}

// room says whether another name of an owner's is taken.
func (m *model) room(owner int) bool {
	var all, strangers int
	var each, done [3]int
	for key := range m.names {
		if n := m.live(key); n != nil {
			all++
			each[n.owner]++
			if n.fate == Done {
				done[n.owner]++
			}
		}
	}
	for who, n := range each {
		if done[who] == 0 {
			strangers += n
		}
	}
	return all < 7 && each[owner] < 4 && (done[owner] > 0 || strangers < 3)
}

// now is what is known of a name: what it stands for, whether there is room for it, and how
// many runs there were.
func (m *model) now(key Key, owner int) (live *name, room bool, runs int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.live(key), m.room(owner), m.runs
}

// step asks for a write, and proves that a run begins if, and only if, it may.
func (m *model) step() {
	owner, content := m.rand.IntN(3), fmt.Sprint("c", m.rand.IntN(8)/7)
	write := m.write(fmt.Sprint("t", owner), fmt.Sprint(m.rand.IntN(5)), content, nil)
	before, room, runs := m.now(write.Key, owner)
	write.Run = m.run(write.Key, owner, content)
	allowed := m.rand.IntN(4) > 0
	asked := false
	write.Yes = func(_ context.Context, answer string) error {
		asked = answer != ""
		if allowed {
			return nil
		}
		return errNo
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), m.some(20*time.Second))
	done := make(chan struct{})
	m.open = append(m.open, done)
	go func() {
		defer close(done)
		defer cancel()
		r := m.do(ctx, write)
		m.check(write.Key, content, before, room, r, asked, allowed)
	}()
	synctest.Wait()
	_, _, after := m.now(write.Key, owner)
	if began, may := after > runs, before == nil && room; began != may {
		m.t.Errorf("a run began: %v, may: %v; before: %+v", began, may, before)
	}
	time.Sleep(m.some(8 * time.Second))
	if s := m.Stats(); s.Entries > 7 || s.Strangers > s.Entries || s.Entries < s.Running {
		m.t.Errorf("%+v", s)
	}
}

// some is a time that no other is.
func (m *model) some(most time.Duration) time.Duration {
	m.tick++
	return time.Duration(m.rand.Int64N(int64(most/time.Millisecond)))*time.Millisecond + m.tick
}

// run is a write that is told to the model.
func (m *model) run(key Key, owner int, content string) func(context.Context) (string, error) {
	took, err := m.some(6*time.Second), []error{nil, nil, errBroken, errRefused, errNotSent}[m.rand.IntN(5)]
	return func(ctx context.Context) (string, error) {
		n := m.begun(key, owner, content)
		time.Sleep(took)
		if ctx.Err() != nil {
			m.t.Error("a run was ended")
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		n.until = time.Now().Add(time.Minute)
		if err != nil {
			n.fate = FateOf(err)
			return "", err
		}
		m.n++
		n.fate, n.answer = Done, fmt.Sprint("answer ", m.n) // one that no other is
		return n.answer, nil
	}
}

// begun notes that a run has begun, which must not be if the name stands for one.
func (m *model) begun(key Key, owner int, content string) *name {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs++
	if n := m.live(key); n != nil {
		m.t.Errorf("done twice: %+v", n)
	}
	n := &name{owner: owner, content: content}
	m.names[key] = n
	return n
}

// check proves that what a caller is told is so.
func (m *model) check(key Key, content string, before *name, room bool, r result, asked, allowed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.names[key]
	var ok bool
	switch err := r.err; {
	case err == nil:
		ok = now.fate == Done && r.answer == now.answer && content == now.content && asked == r.again && (allowed || !r.again)
	case errors.Is(err, ErrConflict):
		ok = before != nil && before.content != content
	case errors.Is(err, errNo):
		ok = before != nil && asked && !allowed && now.fate == Done
	case errors.Is(err, context.DeadlineExceeded):
		ok = now.fate == 0
	case errors.Is(err, errBroken):
		ok = now.fate == Unknown && !asked
	case errors.Is(err, errRefused), errors.Is(err, errNotSent):
		ok = now.fate == Undone && !asked
	default:
		_, full := errors.AsType[*FullError](err)
		ok = full && before == nil && !room
	}
	if !ok {
		m.t.Errorf("told %+v; before %+v, now %+v, asked %v, allowed %v", r, before, now, asked, allowed)
	}
}
