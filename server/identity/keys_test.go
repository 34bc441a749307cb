package identity

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestKeysThatAreNotThereYet: tokens wait for the first set, and are told if none comes.
func TestKeysThatAreNotThereYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuerOf{takes: time.Second}
		var told []string
		v := from.verifier(t, func(changed bool, err error) {
			word := "the same"
			if changed {
				word = "changed"
			}
			if err != nil {
				word = "down"
			}
			told = append(told, word)
		})
		defer v.Close()
		began := time.Now()
		verify := func(ctx context.Context, after time.Duration, works bool) {
			t.Helper()
			_, err := v.Verify(ctx, good(nil))
			if e, ok := err.(*KeysError); (err == nil) != works || err != nil && (!ok || strings.Contains(e.Error(), "refused")) {
				t.Errorf("%v", err)
			}
			if since := time.Since(began); since != after {
				t.Errorf("after %v, want %v", since, after)
			}
		}
		verify(t.Context(), time.Second, false)
		verify(t.Context(), time.Second, false) // not again within 2 s
		time.Sleep(time.Second)
		short, end := context.WithTimeout(t.Context(), time.Second/2)
		defer end()
		verify(short, 2500*time.Millisecond, false)
		if !errors.Is(short.Err(), context.DeadlineExceeded) {
			t.Error(short.Err())
		}
		from.set(jwks(jwk(p256(), "a", "", "")))
		time.Sleep(1500 * time.Millisecond)
		verify(t.Context(), 5*time.Second, true)
		time.Sleep(maxAge)
		synctest.Wait()
		if got := strings.Join(told, "/"); got != "down/down/changed/the same" {
			t.Errorf("told: %s", got)
		}
	})
}

// TestKeysAreReadWithoutCalls: again after 30 s if that went wrong, else every 10 minutes.
func TestKeysAreReadWithoutCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuerOf{}
		v := from.verifier(t, nil)
		defer v.Close()
		for _, step := range []struct {
			pause   time.Duration
			text    string
			fetches int
		}{
			{0, "", 1},
			{strangerAge - 1, "", 1},
			{1, jwks(jwk(p256(), "a", "", "")), 2},
			{strangerAge, jwks(jwk(p256(), "a", "", "")), 3},
			{maxAge - 1, "", 3},
			{1, "", 4},
			{strangerAge, "no keys", 5},
			{strangerAge, "no keys", 6},
		} {
			time.Sleep(step.pause)
			synctest.Wait()
			if got := from.count(); got != step.fetches {
				t.Errorf("%d fetches, want %d", got, step.fetches)
			}
			from.set(step.text)
		}
		if _, err := v.Verify(t.Context(), good(nil)); err != nil {
			t.Errorf("the old keys are gone: %v", err)
		}
	})
}

// TestRevokedKey: what a key signed that is gone is not taken, remembered or not.
func TestRevokedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuerOf{text: jwks(jwk(p256(), "a", "", ""), jwk(other256(), "b", "", ""))}
		v := from.verifier(t, nil)
		defer v.Close()
		token := good(nil)
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		from.set(jwks(jwk(other256(), "b", "", "")))
		if changed, err := v.Reload(); !changed || err != nil {
			t.Errorf("changed %v, %v", changed, err)
		}
		_, err := v.Verify(t.Context(), token)
		wantError(t, err, UnknownKey, "header kid", token)
		if changed, err := v.Reload(); changed || err != nil {
			t.Errorf("changed %v, %v", changed, err)
		}
		from.set("")
		if changed, err := v.Reload(); changed || err == nil {
			t.Errorf("changed %v, %v", changed, err)
		}
	})
}

// TestHangingIssuer: a fetch ends after ten seconds, and with the verifier.
func TestHangingIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuerOf{takes: time.Hour}
		v := from.verifier(t, nil)
		began := time.Now()
		_, err := v.Verify(t.Context(), good(nil))
		if _, ok := err.(*KeysError); !ok || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != fetchTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(strangerAge)
		var waits sync.WaitGroup
		waits.Go(func() {
			if _, err := v.Verify(t.Context(), good(nil)); err == nil {
				t.Error("verified without keys")
			}
		})
		synctest.Wait()
		v.Close()
		waits.Wait()
		if time.Since(began) != fetchTimeout+strangerAge {
			t.Errorf("closed after %v", time.Since(began))
		}
		if _, err := v.Verify(t.Context(), good(nil)); err == nil {
			t.Error("verified without keys")
		}
		if _, err := v.Reload(); err == nil {
			t.Error("reloaded after the end")
		}
		v.Close()
	})
}

// TestTimes: to the nanosecond, remembered or not.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuerOf{text: jwks(jwk(p256(), "a", "", ""))}
		v := from.verifier(t, nil)
		defer v.Close()
		token := good(map[string]any{"nbf": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Add(2 * time.Minute).Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()})
		began := time.Now()
		for _, step := range []struct {
			at     time.Duration
			reason Reason
			part   string
		}{
			{0, NotYetValid, "claim nbf"},
			{30*time.Second - 1, NotYetValid, "claim nbf"},
			{30 * time.Second, IssuedInFuture, "claim iat"},
			{90*time.Second - 1, IssuedInFuture, "claim iat"},
			{90 * time.Second, 0, ""},
			{10 * time.Minute, 0, ""},
			{10*time.Minute + 30*time.Second - 1, 0, ""},
			{10*time.Minute + 30*time.Second, Expired, "claim exp"},
		} {
			time.Sleep(step.at - time.Since(began))
			caller, err := v.Verify(t.Context(), token)
			if step.reason != 0 {
				wantError(t, err, step.reason, step.part, token)
			} else if err != nil || !caller.Expires.Equal(began.Add(10*time.Minute+30*time.Second)) {
				t.Errorf("after %v: %+v, %v", step.at, caller, err)
			}
		}
	})
}

// TestConcurrently: tokens are verified while keys change, and a key that never left is
// always known.
func TestConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sets := []string{jwks(jwk(p256(), "a", "", "")), jwks(jwk(p256(), "a", "", ""), jwk(other256(), "b", "", ""))}
		from := &issuerOf{text: sets[0]}
		v := from.verifier(t, nil)
		defer v.Close()
		var verified atomic.Int64
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for i := range 40 {
					token := good(map[string]any{"n": i})
					for range 3 {
						if _, err := v.Verify(t.Context(), token); err != nil {
							t.Error(err)
						}
					}
					if _, err := v.Verify(t.Context(), signedBy(jose.ES256, other256(), "b")); err == nil {
						verified.Add(1)
					}
					time.Sleep(time.Second)
				}
			})
		}
		for i := range 40 {
			from.set(sets[i%2])
			if _, err := v.Reload(); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		callers.Wait()
		if n := verified.Load(); n == 0 || n == 160 {
			t.Errorf("the key that comes and goes was known %d of 160 times", n)
		}
	})
}
