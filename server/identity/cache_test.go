package identity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

func numbered(i int) (name digest) {
	binary.BigEndian.PutUint64(name[:], uint64(i))
	return name
}

// TestCacheIsBounded: in number and in bytes, and what is used stays.
func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for i := range 3 * halfEntries {
		c.put(numbered(i), Caller{Name: fmt.Sprint(i)}, 1)
		if _, ok := c.get(numbered(0), 1); !ok {
			t.Fatalf("the used one is gone after %d", i)
		}
		if n := len(c.young) + len(c.old); n > 2*halfEntries {
			t.Fatalf("%d entries", n)
		}
	}
	if _, ok := c.get(numbered(1), 1); ok {
		t.Error("the first is still there")
	}
	if caller, ok := c.get(numbered(3*halfEntries-1), 1); !ok || caller.Name != "14999" {
		t.Errorf("the last: %+v, %v", caller, ok)
	}
	large := Caller{Claims: map[string]any{"x": strings.Repeat("x", 1<<20), "y": []string{strings.Repeat("y", 1<<20)}}}
	for i := range 40 {
		c.put(numbered(-1-i), large, 1)
	}
	if n := len(c.young) + len(c.old); n > 32 {
		t.Errorf("%d large entries", n)
	}
}

// TestCacheForgetsWithTheKeys: what other keys verified is not told.
func TestCacheForgetsWithTheKeys(t *testing.T) {
	c := newCache()
	c.put(numbered(1), Caller{Name: "a"}, 1)
	if _, ok := c.get(numbered(1), 2); ok {
		t.Error("told for newer keys")
	}
	c.put(numbered(2), Caller{Name: "b"}, 2)
	c.put(numbered(3), Caller{Name: "c"}, 1) // by keys that are gone
	for i, want := range []bool{false, true, false} {
		if _, ok := c.get(numbered(i+1), 2); ok != want {
			t.Errorf("%d is known: %v", i+1, ok)
		}
	}
	if _, ok := c.get(numbered(2), 1); ok {
		t.Error("told for older keys")
	}
}

// TestDigests: they differ by cache and token, and leave nothing of a token.
func TestDigests(t *testing.T) {
	a, b := newCache(), newCache()
	seen := map[digest]bool{a.digest("c4n4ry"): true, b.digest("c4n4ry"): true, a.digest("c4n4r"): true, a.digest(""): true}
	if len(seen) != 4 || !seen[a.digest("c4n4ry")] {
		t.Error("digests are not of the secret and the token")
	}
	room, _ := a.buffers.Get().(*[]byte)
	if whole := (*room)[:cap(*room)]; bytes.Contains(whole, []byte("c4n")) || len(whole) < maxToken {
		t.Error("a token is left in memory")
	}
}

// TestARepeatIsRemembered: it takes no look at keys, and no memory.
func TestARepeatIsRemembered(t *testing.T) {
	v := verifier(t, Config{JWKS: keyFile(t, jwks(jwk(p256(), "a", "", "")))})
	token := good(nil)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _ = v.Verify(ctx, token) }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

// ciToken is of the size of an ID token of a GitLab job.
func ciToken(more map[string]any) string {
	claims := map[string]any{
		"project_id": "42", "project_path": "acme/app", "namespace_id": "7", "namespace_path": "acme", "user_id": "3", "user_login": "build",
		"user_email": "build@example.org", "pipeline_id": "1001", "pipeline_source": "push", "job_id": "100001", "ref": "main", "ref_type": "branch",
		"ref_path": "refs/heads/main", "ref_protected": "true", "runner_id": 1, "runner_environment": "self-hosted",
		"sha": strings.Repeat("0a", 20), "ci_config_ref_uri": "gitlab.example.org/acme/app//.gitlab-ci.yml@refs/heads/main",
		"sub": "project_path:acme/app:ref_type:branch:ref:main",
	}
	maps.Copy(claims, more)
	return good(claims)
}

func BenchmarkRepeat(b *testing.B) {
	v := verifier(b, Config{JWKS: keyFile(b, jwks(jwk(p256(), "a", "", "")))})
	token := ciToken(nil)
	b.ReportMetric(float64(len(token)), "bytes")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFirst(b *testing.B) {
	v := verifier(b, Config{JWKS: keyFile(b, jwks(jwk(p256(), "a", "", "")))})
	token := ciToken(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
	b.ReportAllocs()
	for b.Loop() {
		v.cache = newCache()
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
