package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// check validates one parameter and stores its typed value. It returns the faults in Grape's
// words (contract section 3).
type check func(c *call) []string

// check runs a route's checks; every fault found is reported, joined with a comma.
func (c *call) check(checks []check) *reply {
	var faults []string
	for _, fn := range checks {
		faults = append(faults, fn(c)...)
	}
	if faults == nil {
		return nil
	}
	return grapeError(http.StatusBadRequest, strings.Join(faults, ", "))
}

// toInt reads an integer. Numbers beyond 64 bits become the nearest one, which nothing has as id.
func toInt(value any) (int64, bool) {
	var digits string
	switch v := value.(type) {
	case int64:
		return v, true
	case string:
		digits = v
	case json.Number:
		digits = v.String()
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// given returns a parameter's value; nil and blank texts count as not given.
func (c *call) given(name string) (any, bool) {
	value, ok := c.params[name]
	if !ok || value == nil || value == "" {
		delete(c.params, name)
		return nil, false
	}
	return value, true
}

func integer(name string) check {
	return func(c *call) []string {
		value, ok := c.given(name)
		if !ok {
			return nil
		}
		n, ok := toInt(value)
		if !ok {
			return []string{name + " is invalid"}
		}
		c.params[name] = n
		return nil
	}
}

func perPage(c *call) []string {
	faults := integer("per_page")(c)
	if n, ok := c.int("per_page"); ok && n == 0 {
		return []string{"per_page has a value not allowed"}
	}
	return faults
}

// byteRange checks one of the slicing parameters of contract section 10; most below 0 is no limit.
func byteRange(name string, least, most int64) check {
	return func(c *call) []string {
		if c.s.old {
			return nil
		}
		if faults := integer(name)(c); faults != nil {
			return faults
		}
		n, ok := c.int(name)
		if !ok || n >= least && (most < 0 || n <= most) {
			return nil
		}
		return []string{name + " does not have a valid value"}
	}
}

func boolean(name string, fallback *bool) check {
	return func(c *call) []string {
		value, ok := c.given(name)
		if !ok {
			if fallback != nil {
				c.params[name] = *fallback
			}
			return nil
		}
		truth, ok := toBool(value)
		if !ok {
			return []string{name + " is invalid"}
		}
		c.params[name] = truth
		return nil
	}
}

func toBool(value any) (truth, ok bool) {
	switch strings.ToLower(fmt.Sprint(value)) {
	case "true", "t", "1", "on", "yes", "y":
		return true, true
	case "false", "f", "0", "off", "no", "n":
		return false, true
	}
	return false, false
}

func text(name string) check {
	return func(c *call) []string {
		switch c.params[name].(type) {
		case []any, map[string]any:
			return []string{name + " is invalid"}
		}
		return nil
	}
}

func hash(name string) check {
	return func(c *call) []string {
		value, ok := c.given(name)
		if !ok {
			return nil
		}
		if _, ok := value.(map[string]any); !ok {
			return []string{name + " is invalid"}
		}
		return nil
	}
}

var statuses = []string{
	"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running",
	"success", "failed", "canceling", "canceled", "skipped", "manual", "scheduled",
}

// scope takes a text or a list, and on project jobs a hash too (contract sections 7.1, 7.2).
func scope(hashToo bool) check {
	return func(c *call) []string {
		value, ok := c.params["scope"]
		if !ok || value == nil {
			return nil
		}
		for _, word := range scopeWords(value, hashToo) {
			if !slices.Contains(statuses, word) || c.s.old && oldStatus(word) != word {
				return []string{"scope does not have a valid value"}
			}
		}
		return nil
	}
}

func scopeWords(value any, hashToo bool) []string {
	var items []any
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		items = v
	case map[string]any:
		if !hashToo {
			return []string{"unknown"}
		}
		items = slices.Collect(maps.Values(v))
	default:
		return []string{"unknown"}
	}
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = fmt.Sprint(item)
	}
	return words
}

// variables checks job_variables_attributes of play (contract section 7.11).
func variables(c *call) []string {
	const name = "job_variables_attributes"
	value, ok := c.given(name)
	if !ok {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		return []string{name + " is invalid"}
	}
	var faults []string
	for i, element := range list {
		pair, ok := element.(map[string]any)
		if !ok {
			faults = append(faults, fmt.Sprintf("%s[%d] is invalid", name, i))
			continue
		}
		for _, key := range []string{"key", "value"} {
			if fault := variableFault(pair, key); fault != "" {
				faults = append(faults, fmt.Sprintf("%s[%d][%s] %s", name, i, key, fault))
			}
		}
	}
	return faults
}

func variableFault(pair map[string]any, key string) string {
	switch pair[key].(type) {
	case nil:
		if _, ok := pair[key]; ok {
			return "is invalid"
		}
		return "is missing"
	case []any, map[string]any:
		return "is invalid"
	}
	return ""
}

// pageNumber returns the effective page; zero and below act as one (contract section 4).
func (c *call) pageNumber() int64 {
	page, _ := c.int("page")
	return min(max(page, 1), math.MaxInt64/1000)
}
