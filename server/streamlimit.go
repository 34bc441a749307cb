package server

import (
	"sync"

	"github.com/jobgate/jobgate/upstream"
)

// streamLimit bounds the streams of logs that one credential has open.
type streamLimit struct {
	most int

	mu   sync.Mutex
	open map[upstream.Credential]int
}

func newStreamLimit(most int) *streamLimit {
	return &streamLimit{most: most, open: map[upstream.Credential]int{}}
}

// limitError says that a credential has as many streams as it may.
type limitError struct{}

func (limitError) Error() string { return "this credential has too many streams of logs open" }

// count is how many streams there are, of all credentials.
func (l *streamLimit) count() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, open := range l.open {
		n += open
	}
	return n
}

// enter counts a stream in. The caller calls leave when it ends.
func (l *streamLimit) enter(who upstream.Credential) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who] >= l.most {
		return nil, limitError{}
	}
	l.open[who]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open[who]--
		if l.open[who] == 0 {
			delete(l.open, who)
		}
	}, nil
}
