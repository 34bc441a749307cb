package rest

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// bound is a request in the words that grpc-gateway binds to the request of an RPC.
type bound struct {
	query url.Values
	body  []byte                 // JSON, of a POST
	extra []*jobgatev1.Parameter // what no field has; a query cannot say it
}

// bind finds the request of the RPC that says just what the caller says. There is none if
// a value is of another type, a spelling is one that GitLab may read in another way, or a
// body holds what has no field.
func (rt *route) bind(query []param, b *body) (*bound, bool) {
	out := &bound{query: url.Values{}}
	for i, p := range query {
		f, known := rt.fields[p.base]
		switch {
		case has(b.params, p.base):
			return nil, false // the body's wins, or they are merged
		case has(query[:i], p.base): // was done with the first one
		case known && !f.typed(query[i:], p.base, out.query), !known && !rt.extras(query[i:], p.base, out):
			return nil, false
		}
	}
	if rt.method == "GET" {
		return out, b.form == noBody
	}
	var ok bool
	out.body, ok = rt.bindBody(b, out.query)
	return out, ok
}

// typed puts all parameters of a base name into the query of grpc-gateway.
func (f field) typed(query []param, base string, to url.Values) bool {
	var values []string
	for _, p := range query {
		if p.base != base {
			continue
		}
		value, ok := f.value(p)
		if !ok || len(values) > 0 && f.kind != words {
			return false
		}
		values = append(values, value)
	}
	to[f.target] = values
	return true
}

// value is what the field of a query parameter is set to.
func (f field) value(p param) (string, bool) {
	switch f.kind {
	case words:
		status := upstream.StatusOf(p.value)
		return status.String(), status != 0 && p.name == p.base+"[]"
	case text:
		return p.value, p.name == p.base && utf8.ValidString(p.value)
	case number:
		return p.value, p.name == p.base && isNumber(p.value)
	case flag:
		return p.value, p.name == p.base && isFlag(p.value)
	}
	return "", false
}

// extras sends all parameters of a base name on as they are.
func (rt *route) extras(query []param, base string, to *bound) bool {
	for _, p := range query {
		if p.base != base {
			continue
		}
		if !upstream.MayBeExtra(p.name) || !utf8.ValidString(p.name) || !utf8.ValidString(p.value) {
			return false
		}
		to.extra = append(to.extra, &jobgatev1.Parameter{Name: p.name, Value: p.value})
	}
	return true
}

// bindBody makes the JSON that grpc-gateway reads the request from, of the body and of
// what was typed in the query.
func (rt *route) bindBody(b *body, query url.Values) ([]byte, bool) {
	if !b.plain {
		return nil, false
	}
	var out []string
	for name, values := range query {
		if rt.fields[name].kind != flag {
			return nil, false
		}
		out = append(out, quote(name)+":"+values[0])
	}
	if b.form == jsonObject {
		for i, p := range b.params {
			if has(b.params[:i], p.base) || !rt.fields[p.name].holds(p.value) {
				return nil, false
			}
			out = append(out, p.raw)
		}
	} else if len(b.params) > 0 {
		typed, ok := rt.bindForm(b.params)
		if !ok {
			return nil, false
		}
		out = append(out, typed...)
	}
	return []byte("{" + strings.Join(out, ",") + "}"), true
}

// bindForm does so for the parameters of a form.
func (rt *route) bindForm(params []param) (out []string, ok bool) {
	for i, p := range params {
		f := rt.fields[p.base]
		if has(params[:i], p.base) {
			if f.kind != variables {
				return nil, false
			}
			continue
		}
		switch value, ok := f.value(p); {
		case ok && f.kind == flag:
			out = append(out, quote(p.name)+":"+value)
		case f.kind == variables:
			list, ok := formVariables(params[i:], p.base)
			if !ok {
				return nil, false
			}
			out = append(out, quote(p.base)+":"+list)
		default:
			return nil, false
		}
	}
	return out, true
}

// formVariables reads name[][key]=K&name[][value]=V&…, in that order, into JSON.
func formVariables(params []param, base string) (list string, ok bool) {
	var all []string
	key, open := "", false
	for _, p := range params {
		switch {
		case p.base != base:
		case !utf8.ValidString(p.value):
			return "", false
		case p.name == base+"[][key]" && !open:
			key, open = p.value, true
		case p.name == base+"[][value]" && open:
			all = append(all, `{"key":`+quote(key)+`,"value":`+quote(p.value)+`}`)
			open = false
		default:
			return "", false
		}
	}
	return "[" + strings.Join(all, ",") + "]", !open
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) //nolint:errchkjson // strings always encode
	return string(quoted)
}
