package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
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

// parameters merges the query with a form, multipart or JSON body; the body wins (contract
// section 1). Forms are read whatever the method, as Rack does, JSON only where the API framework
// looks for it.
func parameters(method string, h http.Header, query string, body []byte) (map[string]any, *reply) {
	params, sent := map[string]any{}, map[string]any{}
	if !addPairs(params, query) {
		return nil, malformed()
	}
	full := h.Get("Content-Type")
	kind, _, _ := strings.Cut(strings.ToLower(full), ";")
	ok := true
	switch kind = strings.TrimSpace(kind); {
	case len(body) == 0:
	case kind == "application/x-www-form-urlencoded":
		ok = addPairs(sent, string(body))
	case kind == "multipart/form-data":
		ok = addParts(sent, body, full)
	case method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions:
	case kind == "application/json" || kind == "":
		if !utf8.Valid(body) {
			return nil, malformed()
		}
		if !addJSON(sent, body) {
			return nil, grapeError(http.StatusBadRequest, "message body does not match declared format")
		}
	default:
		return nil, grapeError(http.StatusUnsupportedMediaType, "The provided content-type '"+kind+"' is not supported.")
	}
	maps.Copy(params, sent)
	if !ok || hasNull(params, 0) {
		return nil, malformed()
	}
	return params, nil
}

// addPairs reads a query or a form. It reports whether Rack could.
func addPairs(params map[string]any, encoded string) bool {
	for pair := range strings.SplitSeq(encoded, "&") {
		key, text, valued := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(key)
		decoded, err2 := url.QueryUnescape(text)
		if err1 != nil || err2 != nil || !utf8.ValidString(name) || !utf8.ValidString(decoded) {
			return false
		}
		var value any
		if valued {
			value = decoded
		}
		if name != "" && !addNested(params, name, value) {
			return false
		}
	}
	return true
}

func addParts(params map[string]any, body []byte, contentType string) bool {
	_, attrs, err := mime.ParseMediaType(contentType)
	if err != nil || attrs["boundary"] == "" {
		return true
	}
	reader := multipart.NewReader(bytes.NewReader(body), attrs["boundary"])
	for {
		part, err := reader.NextPart()
		if err != nil {
			return true
		}
		value, err := io.ReadAll(part)
		if err != nil || part.FormName() == "" || part.FileName() != "" {
			continue
		}
		if !utf8.Valid(value) || !addNested(params, part.FormName(), string(value)) {
			return false
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
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return false // something follows the value
	}
	if object, ok := value.(map[string]any); ok {
		maps.Copy(params, object)
	}
	return true
}

const maxDepth = 32

// addNested files value under a name such as a, a[], a[k] or a[][k]. A plain name given twice
// keeps its last value. It reports false where Rack refuses: a name that is used for two kinds of
// things, or nested too deeply.
func addNested(params map[string]any, name string, value any) bool {
	root, rest, _ := strings.Cut(name, "[")
	keys := []string{root}
	for rest != "" {
		key, after, ok := strings.Cut(rest, "]")
		if !ok {
			keys = []string{name}
			break
		}
		keys = append(keys, key)
		rest = strings.TrimPrefix(after, "[")
	}
	return len(keys) <= maxDepth && place(params, keys, value)
}

func place(into map[string]any, keys []string, value any) bool {
	name, rest := keys[0], keys[1:]
	if len(rest) == 0 {
		into[name] = value
		return true
	}
	old, taken := into[name]
	if rest[0] != "" {
		child, ok := old.(map[string]any)
		if !taken {
			child, ok = map[string]any{}, true
			into[name] = child
		}
		return ok && place(child, rest, value)
	}
	list, ok := old.([]any)
	if taken && !ok {
		return false
	}
	if len(rest) == 1 {
		into[name] = append(list, value)
		return true
	}
	into[name], ok = placeElement(list, rest[1:], value)
	return ok
}

// placeElement puts a value into the last element of a list of hashes, or begins the next element
// when that one has the key already.
func placeElement(list []any, keys []string, value any) ([]any, bool) {
	if len(list) > 0 {
		if last, ok := list[len(list)-1].(map[string]any); ok {
			if _, taken := last[keys[0]]; !taken {
				return list, place(last, keys, value)
			}
		}
	}
	element := map[string]any{}
	ok := place(element, keys, value)
	return append(list, element), ok
}

// text returns a parameter that is a text or a number, or "".
func (c *call) text(name string) string {
	switch value := c.params[name].(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	}
	return ""
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
