package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const interval = time.Minute

// watching is a Watch in a bubble.
type watching struct {
	t *testing.T
	journal
}

// watched runs Watch until the test ends, and waits for its end.
func watched(t *testing.T, all ...Reloader) *watching {
	t.Helper()
	w := &watching{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watch(ctx, interval, w.log(), all...)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	synctest.Wait()
	return w
}

// next waits for a look, and expects one line with each of words, or nothing.
func (w *watching) next(when string, words ...string) {
	w.t.Helper()
	time.Sleep(interval)
	synctest.Wait()
	lines := w.take()
	if len(lines) != min(1, len(words)) {
		w.t.Fatalf("%s: %q", when, lines)
	}
	for _, word := range words {
		if !strings.Contains(lines[0], word) {
			w.t.Errorf("%s: %s; want %s", when, lines[0], word)
		}
	}
}

func TestWatchOfAHalfReplacedPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, dir := newAuthority(t, "ca"), newFolder(t)
		dir.putPair(ca.issue(0xa0, nil))
		s := dir.server(false, nil)
		w := watched(t, s)
		w.next("nothing new")

		two := ca.issue(0xa1, nil)
		dir.put("tls.crt", two.cert)
		w.next("half")
		dir.put("tls.key", two.key)
		w.next("whole", "INFO", "files reloaded", "in_use.serial=a1", `in_use.subject="CN=subject of a test"`,
			"in_use.not_after="+s.NotAfter().Format("2006-01-02"))

		three := ca.issue(0xa2, nil)
		dir.put("tls.crt", three.cert)
		w.next("half")
		w.next("half for long", "ERROR", "is not the key of the certificate", "in_use.serial=a1")
		w.next("half for longer")
		dir.put("tls.key", "")
		w.next("another failure", "ERROR", "tls.key: is empty")
		dir.put("tls.key", two.key)
		w.next("a failure that was told")
		dir.put("tls.crt", two.cert)
		w.next("as before", "INFO", "files are good again", "in_use.serial=a1")
		dir.put("tls.crt", three.cert)
		w.next("half again")
		w.next("half again for long", "ERROR", "is not the key of the certificate")
	})
}

func TestWatchOfACertificateThatBecomesValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, dir := newAuthority(t, "ca"), newFolder(t)
		dir.putPair(ca.issue(0xa0, nil))
		w := watched(t, dir.server(false, nil))
		dir.putPair(ca.issue(0xa1, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(2*interval + interval/2) }))
		w.next("early")
		w.next("still early", "ERROR", "not valid before")
		w.next("in time, without a change", "files reloaded", "serial=a1")
	})
}

func TestWatchOfKubernetesLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, dir := newAuthority(t, "ca"), newFolder(t)
		generation := 0
		swap := func(i issued) { // as the kubelet does it
			generation++
			fresh, old := fmt.Sprintf("..%d", generation), fmt.Sprintf("..%d", generation-1)
			inFresh := folder{t, dir.at(fresh)}
			if err := os.Mkdir(inFresh.path, 0o755); err != nil {
				t.Fatal(err)
			}
			inFresh.putPair(i)
			inFresh.put("ca.crt", ca.pem())
			if err := errors.Join(os.Chmod(inFresh.at("tls.key"), 0o440), os.Symlink(fresh, dir.at("..data_tmp")),
				os.Rename(dir.at("..data_tmp"), dir.at("..data")), os.RemoveAll(dir.at(old))); err != nil {
				t.Fatal(err)
			}
		}
		one := ca.issue(0xa0, nil)
		swap(one)
		for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
			if err := os.Symlink("..data/"+name, dir.at(name)); err != nil {
				t.Fatal(err)
			}
		}
		s := dir.server(true, nil)
		w := watched(t, s)
		swap(ca.issue(0xa1, nil))
		w.next("swapped", "files reloaded", "serial=a1", "ca_certificates=1")
		swap(one)
		w.next("swapped back", "files reloaded", "serial=a0")
		swap(one)
		w.next("the same content")
		for n := range 50 { // reloads and swaps at one time: a mixture would be an error
			next := ca.issue(int64(n), nil)
			done := make(chan error, 1)
			go func() {
				_, err := s.Reload()
				done <- err
			}()
			swap(next)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	})
}

// tokens counts how often it is read.
type tokens struct {
	path string

	mu    sync.Mutex
	reads int
	err   error
}

func (r *tokens) Reload() (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	return false, r.err
}

func (r *tokens) become(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *tokens) read() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}

func (r *tokens) Files() []string { return []string{r.path} }

func TestWatchReadsWhatLooksDifferent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newFolder(t)
		dir.put("tokens", "one")
		r := &tokens{path: dir.at("tokens")}
		w := watched(t, r)
		expect := func(when string, reads int, words ...string) {
			t.Helper()
			w.next(when, words...)
			if got := r.read(); got != reads {
				t.Errorf("%s: read %d times, want %d", when, got, reads)
			}
		}
		expect("the same", 1)
		if err := os.Chmod(r.path, 0o640); err != nil {
			t.Fatal(err)
		}
		expect("another mode", 2)
		dir.put("tokens", "two")
		expect("another file", 3)
		justNow := time.Now()
		if err := os.Chtimes(r.path, justNow, justNow.Add(interval)); err != nil {
			t.Fatal(err)
		}
		expect("just written", 4)
		expect("which may have changed since unseen", 5)
		expect("and is settled", 5)
		r.become(errors.New("token 3: empty"))
		dir.put("tokens", "")
		expect("bad", 6)
		expect("still bad", 7, "ERROR", "token 3: empty", "in_use=*certs.tokens")
		r.become(nil)
		expect("good without a change", 8, "files are good again")
		expect("the same", 8)
	})
}

// bare is a Reloader without files that fails in ever new words.
type bare struct{ reads int }

func (r *bare) Reload() (bool, error) { r.reads++; return false, fmt.Errorf("failure %d", r.reads) }

func TestWatchOfABareReloader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(bare)
		w := watched(t, r)
		for n := range 2 * maxTold {
			w.next("fails", fmt.Sprintf("failure %d", n+2))
		}
	})
}

func TestWatchWithoutInterval(t *testing.T) {
	r := new(bare)
	Watch(t.Context(), 0, new(journal).log(), r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	Watch(ctx, interval, new(journal).log(), r)
	if r.reads != 0 {
		t.Errorf("read %d times", r.reads)
	}
}

func TestFilesAreTold(t *testing.T) {
	ca, dir := newAuthority(t, "ca"), newFolder(t)
	dir.putPair(ca.issue(1, nil))
	if got, want := dir.server(false, nil).Files(), []string{dir.at("tls.crt"), dir.at("tls.key")}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
