package identity

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestRotation: a token by a new key brings the new set, at most once per 30 s for all.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, both := jwks(jwk(p256(), "a", "", "")), jwks(jwk(p256(), "a", "", ""), jwk(other256(), "b", "", ""))
		from := &issuerOf{text: old}
		v := from.verifier(t, nil)
		defer v.Close()
		token, fresh, bogus := good(nil), signedBy(jose.ES256, other256(), "b"), signedBy(jose.ES256, other256(), "x")
		verify := func(token string, reason Reason) {
			t.Helper()
			_, err := v.Verify(t.Context(), token)
			if reason == 0 && err != nil {
				t.Error(err)
			} else if reason != 0 {
				wantError(t, err, reason, "header kid", token)
			}
		}
		fetches := func(want int) {
			t.Helper()
			if got := from.count(); got != want {
				t.Errorf("%d fetches, want %d", got, want)
			}
		}
		verify(token, 0)
		from.set(both)
		verify(fresh, UnknownKey) // the set is not 30 s old
		fetches(1)
		time.Sleep(strangerAge)
		verify(fresh, 0)
		verify(token, 0)
		for range 10 {
			verify(bogus, UnknownKey)
		}
		fetches(2)
		time.Sleep(strangerAge - 1)
		verify(bogus, UnknownKey)
		fetches(2)
		time.Sleep(time.Nanosecond)
		verify(bogus, UnknownKey)
		verify(bogus, UnknownKey)
		fetches(3)
		from.set("") // the issuer is down, and the old keys stay
		time.Sleep(strangerAge)
		verify(bogus, UnknownKey)
		fetches(4)
		verify(fresh, 0)
		verify(signedBy(jose.ES256, p256(), "a"), 0)
	})
}

// TestRotationWithoutKeyIDs: a token that names no key brings the new set, too.
func TestRotationWithoutKeyIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuerOf{text: jwks(jwk(p256(), "", "", ""))}
		v := from.verifier(t, nil)
		defer v.Close()
		if _, err := v.Verify(t.Context(), sign(jose.ES256, p256(), nil, claimsWith(nil))); err != nil {
			t.Error(err)
		}
		from.set(jwks(jwk(other256(), "", "", "")))
		time.Sleep(strangerAge)
		if _, err := v.Verify(t.Context(), sign(jose.ES256, other256(), nil, claimsWith(nil))); err != nil {
			t.Error(err)
		}
		token := sign(jose.ES256, p256(), nil, claimsWith(nil))
		_, err := v.Verify(t.Context(), token)
		wantError(t, err, BadSignature, "", token)
		if from.count() != 2 {
			t.Errorf("%d fetches", from.count())
		}
	})
}

// TestStrangersShareAFetch: many unknown keys at once cost one, which no caller's end ends.
func TestStrangersShareAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &issuerOf{text: jwks(jwk(p256(), "a", "", ""))}
		v := from.verifier(t, nil)
		defer v.Close()
		synctest.Wait()
		time.Sleep(strangerAge)
		from.mu.Lock()
		from.text, from.takes = jwks(jwk(p256(), "a", "", ""), jwk(other256(), "b", "", "")), 5*time.Second
		from.mu.Unlock()
		fresh := signedBy(jose.ES256, other256(), "b")
		impatient, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		began := time.Now()
		var callers sync.WaitGroup
		callers.Go(func() {
			_, err := v.Verify(impatient, fresh)
			wantError(t, err, UnknownKey, "header kid", fresh)
			if took := time.Since(began); took != time.Second {
				t.Errorf("the impatient one waited %v", took)
			}
		})
		for range 50 {
			callers.Go(func() {
				if _, err := v.Verify(t.Context(), fresh); err != nil {
					t.Error(err)
				}
				if _, err := v.Verify(t.Context(), good(nil)); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(2 * time.Second)
		if _, err := v.Verify(t.Context(), good(nil)); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("a token by a key that is there: %v after %v", err, time.Since(began))
		}
		callers.Wait()
		if from.count() != 2 {
			t.Errorf("%d fetches", from.count())
		}
	})
}
