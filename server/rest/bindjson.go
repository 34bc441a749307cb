package rest

import (
	"bytes"
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
	decoder := json.NewDecoder(bytes.NewReader([]byte(raw)))
	decoder.UseNumber()
	var names []map[string]bool // of the objects that are open; nil for an array
	isName := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '}' || token == ']' {
				names = names[:len(names)-1]
			} else if names = append(names, nil); token == '{' {
				names[len(names)-1] = map[string]bool{}
			}
			if len(names) > deepest {
				return false
			}
			isName = len(names) > 0 && names[len(names)-1] != nil
			continue
		case json.Number:
			if !isDouble(token.String()) {
				return false
			}
		case string:
			if strings.Contains(token, "\uFFFD") {
				return false
			}
			if isName {
				open := names[len(names)-1]
				if open[token] {
					return false
				}
				open[token], isName = true, false
				continue
			}
		}
		isName = len(names) > 0 && names[len(names)-1] != nil
	}
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
