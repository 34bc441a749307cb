package certs

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// store holds the current material of its files.
type store struct {
	paths   paths
	reading sync.Mutex // held by who replaces current
	current atomic.Pointer[material]
}

// open loads the material for the first time.
func (s *store) open(p paths) error {
	s.paths = p
	_, err := s.Reload()
	return err
}

// Reload reads all files again. If all of them are good and their content is not what
// is loaded, it takes their place and changed is true. With an error, what was loaded
// stays in use.
func (s *store) Reload() (changed bool, err error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	fresh, err := s.paths.load()
	if err != nil {
		return false, err
	}
	if old := s.current.Load(); old != nil && old.digest == fresh.digest {
		return false, nil
	}
	s.current.Store(fresh)
	return true, nil
}

// Files are the paths that Reload reads.
func (s *store) Files() []string {
	var all []string
	for _, f := range s.paths.files() {
		all = append(all, f.path)
	}
	return all
}

// NotAfter is when the certificate in use expires; zero if there is none. That of its
// issuers is not looked at.
func (s *store) NotAfter() time.Time {
	if pair := s.current.Load().pair; pair != nil {
		return pair.Leaf.NotAfter
	}
	return time.Time{}
}

// LogValue tells what is in use: subject, serial (hexadecimal) and end of the certificate,
// and how many certificates the CA file holds.
func (s *store) LogValue() slog.Value {
	var attrs []slog.Attr
	m := s.current.Load()
	if m.pair != nil {
		attrs = append(attrs,
			slog.String("subject", m.pair.Leaf.Subject.String()),
			slog.String("serial", m.pair.Leaf.SerialNumber.Text(16)),
			slog.Time("not_after", m.pair.Leaf.NotAfter))
	}
	if m.trusted != nil {
		attrs = append(attrs, slog.Int("ca_certificates", m.cas))
	}
	return slog.GroupValue(attrs...)
}
