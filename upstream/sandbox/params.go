package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

const maxBody = 4 << 20 // bytes of a request body that are read

func readBody(r *http.Request) []byte {
	if r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil
	}
	return body
}

// parseParams merges the query with a form, multipart or JSON body; the body wins
// (contract section 1).
func (c *call) parseParams(body []byte) (map[string]any, *reply) {
	params := map[string]any{}
	addPairs(params, c.r.URL.RawQuery)
	if len(body) == 0 || c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return params, nil
	}
	kind, attrs, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return params, nil
	}
	sent := map[string]any{}
	switch kind {
	case "application/x-www-form-urlencoded":
		addPairs(sent, string(body))
	case "multipart/form-data":
		addParts(sent, body, attrs["boundary"])
	case "application/json":
		if !addJSON(sent, body) {
			return nil, grapeError(http.StatusBadRequest, "message body does not match declared format")
		}
	}
	maps.Copy(params, sent)
	return params, nil
}

func addPairs(params map[string]any, encoded string) {
	for pair := range strings.SplitSeq(encoded, "&") {
		key, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(key)
		text, err2 := url.QueryUnescape(value)
		if name != "" && err1 == nil && err2 == nil {
			addNested(params, name, text)
		}
	}
}

func addParts(params map[string]any, body []byte, boundary string) {
	if boundary == "" {
		return
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		if err != nil {
			return
		}
		value, err := io.ReadAll(part)
		if err == nil && part.FormName() != "" && part.FileName() == "" {
			addNested(params, part.FormName(), string(value))
		}
	}
}

func addJSON(params map[string]any, body []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return false
	}
	if object, ok := value.(map[string]any); ok {
		maps.Copy(params, object)
	}
	return true
}

const maxDepth = 32

// addNested files value under a name such as a, a[], a[k] or a[][k]. A plain name given twice
// keeps its last value.
func addNested(params map[string]any, name, value string) {
	root, rest, _ := strings.Cut(name, "[")
	keys := []string{root}
	for rest != "" {
		key, after, ok := strings.Cut(rest, "]")
		if !ok || len(keys) > maxDepth {
			keys = []string{name}
			break
		}
		keys = append(keys, key)
		rest = strings.TrimPrefix(after, "[")
	}
	place(params, keys, value)
}

func place(into map[string]any, keys []string, value string) {
	name, rest := keys[0], keys[1:]
	switch {
	case len(rest) == 0:
		into[name] = value
	case rest[0] != "":
		child, ok := into[name].(map[string]any)
		if !ok {
			child = map[string]any{}
		}
		into[name] = child
		place(child, rest, value)
	case len(rest) == 1:
		list, _ := into[name].([]any)
		into[name] = append(list, value)
	default:
		list, _ := into[name].([]any)
		into[name] = placeElement(list, rest[1:], value)
	}
}

// placeElement puts a value into the last element of a list of hashes, or begins the next element
// when that one has the key already.
func placeElement(list []any, keys []string, value string) []any {
	if len(list) > 0 {
		if last, ok := list[len(list)-1].(map[string]any); ok {
			if _, taken := last[keys[0]]; !taken {
				place(last, keys, value)
				return list
			}
		}
	}
	element := map[string]any{}
	place(element, keys, value)
	return append(list, element)
}

// text returns a parameter that is a text, or "".
func (c *call) text(name string) string {
	value, _ := c.params[name].(string)
	return value
}

// int returns a parameter that the route's checks have made an integer.
func (c *call) int(name string) (int64, bool) {
	value, ok := c.params[name].(int64)
	return value, ok
}

// bool returns a parameter that the route's checks have made a boolean.
func (c *call) bool(name string) bool {
	value, _ := c.params[name].(bool)
	return value
}
