package policy

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/jobgate/jobgate/server/certs"
)

// Load reads the policy at path. The error tells all that is wrong with it, each with file,
// line and what is allowed.
func Load(path string) (*Policy, error) {
	text, err := certs.ReadRules(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Store holds the policy of a file, and another when the file has changed. It is safe for
// concurrent use.
type Store struct {
	path    string
	current atomic.Pointer[Policy]

	mu   sync.Mutex
	text []byte // of the current policy
}

// NewStore loads the policy at path.
func NewStore(path string) (*Store, error) {
	s := &Store{path: path}
	if _, err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Current returns the policy that counts now.
func (s *Store) Current() *Policy { return s.current.Load() }

// Reload reads the file again, and says whether there is another policy now. With an error
// the old one stays. Nothing calls it but its owner: on a signal, or every few seconds.
func (s *Store) Reload() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := certs.ReadRules(s.path)
	if err != nil {
		return false, err
	}
	old := s.current.Load()
	if old != nil && bytes.Equal(text, s.text) {
		return false, nil
	}
	p, err := Parse(s.path, text)
	if err != nil {
		return false, err
	}
	p.generation = 1
	if old != nil {
		p.generation = old.generation + 1
	}
	s.text = text
	s.current.Store(p)
	return true, nil
}
