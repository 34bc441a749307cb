package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of what a caller sends.
const (
	MaxTarget = 64 << 10         // bytes of path and query
	BodyTime  = 30 * time.Second // for the whole body; the server sets the deadline
)

// form is how a body holds parameters.
type form int

const (
	noBody form = iota
	urlencoded
	jsonObject
	otherBody // GitLab knows how to read it, we don't
)

// body is what a caller sent.
type body struct {
	bytes       []byte
	contentType string
	form        form
	params      []param
	plain       bool // params are all that it says; if not, there are none
}

// readBody reads a body of at most so many bytes to its end, so that one which is cut off
// reaches nobody.
func readBody(w http.ResponseWriter, r *http.Request, most int64) (*body, *refusal) {
	b := &body{contentType: r.Header.Get("Content-Type"), plain: true}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return b, nil
	}
	if r.ContentLength > most {
		return nil, &bodyTooLarge
	}
	read, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return nil, cutOff(err) // the deadline stays: there may be more to throw away
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if len(read) == 0 {
		return b, nil
	}
	b.bytes = read
	b.parse()
	return b, nil
}

// cutOff says why a body could not be read.
func cutOff(err error) *refusal {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &bodyTooLarge
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return &bodyTooSlow
	}
	return &bodyCut
}

func (b *body) parse() {
	kind, _, err := mime.ParseMediaType(b.contentType)
	b.form, b.plain = otherBody, false
	if err != nil || !utf8.Valid(b.bytes) {
		return
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		b.form = urlencoded
		b.params, b.plain = pairs(string(b.bytes))
	case "application/json":
		b.form = jsonObject
		b.params, b.plain = members(b.bytes)
	}
	if !b.plain {
		b.params = nil
	}
}

// members reads the members of a JSON object.
func members(text []byte) (all []param, plain bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil || len(all) == maxParams {
			return nil, false
		}
		quoted, err := json.Marshal(name)
		if err != nil || strings.Contains(name, "\uFFFD") {
			return nil, false
		}
		raw := string(quoted) + ":" + string(value)
		all = append(all, param{name: name, value: string(value), raw: raw, base: name})
	}
	if _, err := decoder.Token(); err != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return all, errors.Is(err, io.EOF)
}

// remove takes parameters out of the body, which is a form or a JSON object.
func (b *body) remove(name string) {
	b.params = without(b.params, name)
	switch b.form {
	case urlencoded:
		b.bytes = []byte(encoded(b.params))
	case jsonObject:
		raws := make([]string, len(b.params))
		for i := range b.params {
			raws[i] = b.params[i].raw
		}
		b.bytes = []byte("{" + strings.Join(raws, ",") + "}")
	}
}
