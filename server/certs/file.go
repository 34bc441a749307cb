package certs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"time"
)

const (
	maxFile  = 1 << 20         // bytes that a file may have
	granular = 2 * time.Second // by which a file system may round the time of a change
)

// forOthers are the bits that the mode of a private key must not have. Its group may
// read it, as Kubernetes sets it for a pod that doesn't run as root.
const forOthers fs.FileMode = 0o037

// file is one of the files to read.
type file struct {
	path   string
	secret bool // a private key: not for others
	rules  bool // what others must not change
}

// read returns the content of f. Links are followed.
func (f file) read() ([]byte, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, f.fails(err)
	}
	if !info.Mode().IsRegular() { // asked before opening, which would wait for the writer of a pipe
		return nil, fmt.Errorf("%s: is not a regular file", f.path)
	}
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, f.fails(err)
	}
	defer func() { _ = opened.Close() }()
	if info, err = opened.Stat(); err != nil {
		return nil, f.fails(err)
	}
	if mode := info.Mode().Perm(); f.secret && mode&forOthers != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s: mode %#o lets others at the secret: 0640 is the most that it may have", f.path, mode)
	}
	if mode := info.Mode().Perm(); f.rules && mode&0o002 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s: mode %#o lets others change it", f.path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return nil, f.fails(err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: is larger than %d bytes", f.path, maxFile)
	}
	return text, nil
}

// fails begins err, which is the system's, with the path.
func (f file) fails(err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("%s: %w", f.path, err)
}

// readAll reads files that belong together. If one was replaced meanwhile it begins
// again, so that it doesn't mix two generations; after three times it takes what it has.
func readAll(files []file) ([][]byte, error) {
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.path
	}
	for tries := 3; ; tries-- {
		before := look(paths)
		texts := make([][]byte, len(files))
		errs := make([]error, len(files))
		for i, f := range files {
			texts[i], errs[i] = f.read()
		}
		if tries == 1 || before.same(look(paths)) {
			return texts, errors.Join(errs...)
		}
	}
}

// sight is how files looked without being read; nil stands for one that could not be
// looked at.
type sight []fs.FileInfo

// look looks at files, or what they are links to.
func look(paths []string) sight {
	s := make(sight, len(paths))
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			s[i] = info
		}
	}
	return s
}

// same says whether nothing tells s from other.
func (s sight) same(other sight) bool {
	return slices.EqualFunc(s, other, func(a, b fs.FileInfo) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		return os.SameFile(a, b) && a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime())
	})
}

// settled says whether a change after now would show: a file that was just written could
// be written again without looking different.
func (s sight) settled(now time.Time) bool {
	return !slices.ContainsFunc(s, func(info fs.FileInfo) bool {
		return info != nil && now.Sub(info.ModTime()).Abs() < granular
	})
}

// ReadSecret reads a file that holds a secret, of at most a MiB. It is refused if others can
// read it: 0640 is the most that its mode may be.
func ReadSecret(path string) ([]byte, error) { return file{path: path, secret: true}.read() }

// ReadRules reads a file that trust hangs on, of at most a MiB. It is refused if it is no
// regular file, or others can write it.
func ReadRules(path string) ([]byte, error) { return file{path: path, rules: true}.read() }
