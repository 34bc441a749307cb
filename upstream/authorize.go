package upstream

import (
	"net/http"
	"strings"
)

// authorize sends the credential of the context's [Call] in the headers of contract
// section 2, and the headers that the call forwards.
func authorize() middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			call := CallFrom(req.Context())
			if call == nil || call.Credential == (Credential{}) && len(call.Forward) == 0 {
				return next.RoundTrip(req)
			}
			fields, forwarded := call.Credential.headers(), call.forwarded()
			if err := check(call, fields[:], forwarded); err != nil {
				closeBody(req)
				return nil, err
			}
			req = withHeader(req)
			for _, name := range forwarded {
				req.Header[name] = call.Forward[name]
			}
			for _, f := range fields {
				if f.value != "" {
					req.Header[f.name] = []string{f.value}
				}
			}
			return next.RoundTrip(req)
		})
	}
}

// check refuses what cannot be in a header, without repeating values.
func check(call *Call, fields []headerField, forwarded []string) error {
	if err := checkFields(fields); err != nil {
		return err
	}
	for _, name := range forwarded {
		if !isToken(name) {
			return invalid("header", "must have the name of a header")
		}
		for _, value := range call.Forward[name] {
			if err := checkFields([]headerField{{name, value}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFields refuses values that cannot be in a header, without repeating them.
func checkFields(fields []headerField) error {
	for _, f := range fields {
		if strings.ContainsFunc(f.value, notInHeader) {
			return invalid(strings.ToLower(f.name), "must not have control characters")
		}
	}
	return nil
}

func notInHeader(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// closeBody does what a RoundTripper owes to a request that it does not pass on.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
