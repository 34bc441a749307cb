package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jobgate/jobgate/upstream"
)

// Bounds of what a caller sends.
const (
	maxTarget = 64 << 10         // bytes of path and query
	maxBody   = 4 << 20          // bytes of a body, as much as gRPC takes
	bodyTime  = 30 * time.Second // for the whole body
)

// form is how a body holds parameters.
type form int

const (
	noBody form = iota
	urlencoded
	multiform
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

// readBody reads a body to its end, so that one which is cut off reaches nobody.
func readBody(w http.ResponseWriter, r *http.Request) (*body, *refusal) {
	b := &body{contentType: r.Header.Get("Content-Type"), plain: true}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return b, nil
	}
	if r.ContentLength > maxBody {
		return nil, &bodyTooLarge
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTime))
	read, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = deadline.SetReadDeadline(time.Time{})
	if err != nil {
		return nil, cutOff(err)
	}
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
	kind, attributes, err := mime.ParseMediaType(b.contentType)
	b.form, b.plain = otherBody, false
	if err != nil || !utf8.Valid(b.bytes) {
		return
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		b.form = urlencoded
		b.params, b.plain = pairs(string(b.bytes))
	case "multipart/form-data":
		b.form = multiform
		b.params, b.plain = parts(b.bytes, attributes["boundary"])
	case "application/json":
		b.form = jsonObject
		b.params, b.plain = members(b.bytes)
	}
	if !b.plain {
		b.params = nil
	}
}

// parts reads the parameters of a multipart form. It is not plain if it holds files.
func parts(form []byte, boundary string) (all []param, plain bool) {
	if boundary == "" || !bytes.Contains(form, []byte("--"+boundary+"--")) {
		return nil, false // cut short
	}
	reader := multipart.NewReader(bytes.NewReader(form), boundary)
	for {
		part, err := reader.NextRawPart()
		if err != nil {
			return all, errors.Is(err, io.EOF)
		}
		value, err := io.ReadAll(part)
		name := part.FormName()
		base := upstream.ParameterName(name)
		if err != nil || base == "" || part.FileName() != "" || len(part.Header) > 1 || len(all) == maxParams {
			return nil, false
		}
		all = append(all, param{name: name, value: string(value), base: base})
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
