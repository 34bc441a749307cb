package once

import (
	"reflect"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/upstream"
)

// TestOwner proves that all of a credential makes its owner, but for the proof, which is
// another one in each request.
func TestOwner(t *testing.T) {
	keys := NewKeys()
	seen := map[Owner]string{keys.Owner(upstream.Credential{}, ""): "anonymous"}
	for i := range reflect.TypeFor[upstream.Credential]().NumField() {
		var c upstream.Credential
		name := reflect.TypeOf(c).Field(i).Name
		reflect.ValueOf(&c).Elem().Field(i).SetString("value")
		owner := keys.Owner(c, "")
		if other, ok := seen[owner]; ok != (name == "DPoP") {
			t.Errorf("%s is the owner of %q: %v", name, other, ok)
		}
		seen[owner] = name
	}
}

// TestKeysAreTheirOwn proves that a name tells nothing to those without the secret, and
// that each kind of name is its own.
func TestKeysAreTheirOwn(t *testing.T) {
	one, other := NewKeys(), NewKeys()
	owner := one.Owner(upstream.Credential{PrivateToken: "t"}, "")
	if owner == other.Owner(upstream.Credential{PrivateToken: "t"}, "") {
		t.Error("two makers make the same name")
	}
	if owner != one.Owner(upstream.Credential{PrivateToken: "t"}, "") {
		t.Error("a name changes")
	}
	names := map[[32]byte]bool{
		one.Key(owner, "play", "x"): true, one.Key(owner, "retry", "x"): true, one.Key(owner, "play", "y"): true,
		one.Key(Owner{}, "play", "x"): true, one.Content(string(owner[:]), "play", "x"): true, one.Content(): true, one.Content(""): true,
	}
	if len(names) != 7 {
		t.Errorf("%d names of 7", len(names))
	}
}

// FuzzKeys proves that no two writes have the same name, however their parts are cut.
func FuzzKeys(f *testing.F) {
	f.Add("play", "x", "playx", "")
	f.Add("a", "\x01b", "a\x01", "b")
	f.Add("", "key", "key", "")
	keys := NewKeys()
	f.Fuzz(func(t *testing.T, method, id, otherMethod, otherID string) {
		same := method == otherMethod && id == otherID
		if got := keys.Key(Owner{}, method, id) == keys.Key(Owner{}, otherMethod, otherID); got != same {
			t.Errorf("the same key: %v", got)
		}
		if got := keys.Content(method, id) == keys.Content(otherMethod, otherID); got != same {
			t.Errorf("the same digest: %v", got)
		}
		if keys.Content(method, id) == keys.Content(method+id) {
			t.Error("one part is two")
		}
	})
}

func TestCheckID(t *testing.T) {
	for id, good := range map[string]bool{
		"550e8400-e29b-41d4-a716-446655440000": true,
		"!~":                                   true,
		strings.Repeat("x", 128):               true,
		strings.Repeat("x", 129):               false,
		"":                                     false,
		"a b":                                  false,
		" ":                                    false,
		"a\n":                                  false,
		"a\x7f":                                false,
		"é":                                    false,
	} {
		if err := CheckID(id); (err == nil) != good {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// FuzzCheckID proves that what passes is the same text in a header, a log and JSON.
func FuzzCheckID(f *testing.F) {
	for _, id := range []string{"", "x", " x", "a\x00", "é", strings.Repeat("~", 129)} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		good := id != "" && len(id) <= 128 && strings.TrimFunc(id, func(r rune) bool { return r > 0x20 && r < 0x7f }) == "" &&
			!strings.ContainsFunc(id, func(r rune) bool { return r <= 0x20 || r >= 0x7f })
		if err := CheckID(id); (err == nil) != good {
			t.Errorf("%q: %v", id, err)
		}
	})
}
