package rest

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

// holds says whether the field holds a JSON value so that the same value is sent on.
func (f field) holds(raw string) bool {
	switch f.kind {
	case flag:
		return isFlag(raw)
	case object:
		return strings.HasPrefix(raw, "{") && survives(raw)
	case variables:
		return isVariables(raw)
	}
	return false
}

// isVariables says whether raw is an array of objects with the texts key and value, and
// nothing else.
func isVariables(raw string) bool {
	var all []map[string]any
	if !survives(raw) || json.Unmarshal([]byte(raw), &all) != nil || len(all) == 0 {
		return false
	}
	for _, one := range all {
		_, key := one["key"].(string)
		_, value := one["value"].(string)
		if !key || !value || len(one) != 2 {
			return false
		}
	}
	return true
}

// deepest is how deep a value may be nested to fit a google.protobuf.Struct.
const deepest = 32

// survives says whether a JSON value is the same after it was a google.protobuf.Value: no
// member twice, no number that a double changes, no text that is not Unicode, no depth.
func survives(raw string) bool {
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	var w walk
	for {
		token, err := decoder.Token()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if !w.take(token) {
			return false
		}
	}
}

// walk goes through the tokens of a JSON value.
type walk struct {
	open   []map[string]bool // the names in the objects that are open; nil of an array
	isName bool              // the next text is a member's name
}

// take says whether a token survives.
func (w *walk) take(token json.Token) bool {
	named := false
	switch token := token.(type) {
	case json.Delim:
		switch token {
		case '{':
			w.open = append(w.open, map[string]bool{})
		case '[':
			w.open = append(w.open, nil)
		default:
			w.open = w.open[:len(w.open)-1]
		}
	case json.Number:
		if !isDouble(token.String()) {
			return false
		}
	case string:
		if strings.Contains(token, "\uFFFD") || w.isName && w.inner()[token] {
			return false
		}
		if named = w.isName; named {
			w.inner()[token] = true
		}
	}
	w.isName = !named && w.inner() != nil
	return len(w.open) <= deepest
}

// inner are the names in the innermost open object, nil if that is an array or none.
func (w *walk) inner() map[string]bool {
	if len(w.open) == 0 {
		return nil
	}
	return w.open[len(w.open)-1]
}

// isDouble says whether a number is sent on as the same text; see upstream.Client on the
// inputs of jobs.
func isDouble(text string) bool {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || text == "-0" {
		return false
	}
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
		return strconv.FormatInt(int64(f), 10) == text
	}
	return strconv.FormatFloat(f, 'g', -1, 64) == text
}
