package isolation

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// part is how many bytes of a secret are a leak.
const part = 12

// shape is what a part of a secret looks like.
type shape [part]byte

// canaries are secrets that were sent, by where.
type canaries struct {
	mu  sync.Mutex
	all map[shape]*canary
}

// canary is a secret. Its core is random, and in none of its forms is it escaped.
type canary struct {
	mood  string // of GitLab's
	way   string
	field bool // it is in a field of the credential, which is looked for in texts
	core  string
	forms []shape
}

// add makes a canary: the core within text, or alone.
func (c *canaries) add(mood, way string, field bool) *canary {
	b := make([]byte, 14)
	_, _ = rand.Read(b)
	core := hex.EncodeToString(b) + "-" + hex.EncodeToString(b[:4])
	k := &canary{mood: mood, way: way, field: field, core: core}
	look := func(text string) { k.forms = append(k.forms, shape([]byte(text))) }
	look(core)
	look(core[8:])
	look(core[28-part:])
	look(hex.EncodeToString([]byte(core)))
	look(strings.ToUpper(core))
	for shift := range 3 { // in base64 it looks otherwise, by what is before it
		look(base64.StdEncoding.EncodeToString([]byte("xxx"[:shift] + core))[4:])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[shape]*canary{}
	}
	for _, form := range k.forms {
		c.all[form] = k
	}
	return k
}

// token is the canary in the form of a token.
func (k *canary) token() string { return "glpat-" + k.core }

// in says whether a part of the canary is in b, in any form.
func (k *canary) in(b []byte) bool {
	for _, form := range k.forms {
		if bytes.Contains(b, form[:]) {
			return true
		}
	}
	return false
}

// find is a secret that was found.
type find struct {
	*canary

	whole bool // all of it, not a part
	text  string
}

// find finds the canaries that are in b, each with what is around it.
func (c *canaries) find(b []byte) (found []find) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[*canary]bool{}
	for i := 0; i+part <= len(b); i++ {
		if k := c.all[shape(b[i:i+part])]; k != nil && !seen[k] {
			seen[k] = true
			found = append(found, find{k, bytes.Contains(b, []byte(k.core)), fmt.Sprintf("%.250q", b[max(0, i-150):min(len(b), i+60)])})
		}
	}
	return found
}

// none fails if any canary is in what was written, beyond what is known.
func (c *canaries) none(t *testing.T, where string, b []byte, known func(find) bool) {
	t.Helper()
	passed, failed := 0, 0
	for _, f := range c.find(b) {
		if known(f) {
			passed++
			continue
		}
		failed++
		if failed <= 5 {
			t.Errorf("in %s is the secret of %s, %s: %s", where, f.mood, f.way, f.text)
		}
	}
	if passed > 0 || failed > 0 {
		t.Logf("in %s are %d secrets, and %d more of which it is known", where, failed, passed)
	}
}
