package parity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// apart shows where two texts begin to differ.
func apart(want, got []byte) string {
	at := 0
	for at < min(len(want), len(got)) && want[at] == got[at] {
		at++
	}
	return fmt.Sprintf("at byte %d: %.60q, want %.60q", at, got[at:], want[at:])
}

// decode reads one JSON value, numbers as their text.
func decode(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// differing names the first place where two values differ, "" if there is none.
func differing(where string, want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, name := range sortedNames(want) {
			value, ok := got[name]
			if !ok {
				return fmt.Sprintf("%s has no %q, want %.300v", where, name, want[name])
			}
			if found := differing(where+"."+name, want[name], value); found != "" {
				return found
			}
		}
		for _, name := range sortedNames(got) {
			if _, ok := want[name]; !ok {
				return fmt.Sprintf("%s has %q: %.300v, which GitLab did not send", where, name, got[name])
			}
		}
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			break
		}
		for i := range want {
			if found := differing(fmt.Sprintf("%s[%d]", where, i), want[i], got[i]); found != "" {
				return found
			}
		}
	}
	return fmt.Sprintf("%s is %T %.300v, want %T %.300v", where, got, got, want, want)
}
