package upstream

import (
	"net/http"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

func TestForwardedHeaders(t *testing.T) {
	var got http.Header
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		respond(200, "application/json", `{"id":7}`)(w, r)
	})
	call := &Call{
		Credential: Credential{PrivateToken: "glpat-own"},
		Forward: http.Header{
			"Origin": {"https://a.example"}, "X-Request-Id": {"id"}, "Access-Control-Request-Headers": {"a", "b"}, "X-Empty": {""}, "X-None": nil,
		},
	}
	theirs := http.Header{}
	for name := range withheld {
		theirs.Set(name, "theirs")
		call.Forward.Set(name, "theirs")
	}
	call.Forward["private-token"] = []string{"theirs"} // not canonical
	call.Forward["PRIVATE-TOKEN"] = []string{"theirs"}
	if _, err := c.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: "1", JobId: 7}); err != nil {
		t.Fatal(err)
	}
	for name, values := range got {
		if strings.Contains(strings.Join(values, ","), "theirs") {
			t.Errorf("%s: %q is sent", name, values)
		}
	}
	if got.Get("Private-Token") != "glpat-own" || got.Get("Accept") != "application/json" || got.Get("User-Agent") != "jobgate" {
		t.Errorf("sent %v", got)
	}
	if got.Get("Origin") != "https://a.example" || got.Get("X-Request-Id") != "id" || len(got["Access-Control-Request-Headers"]) != 2 || len(got["X-Empty"]) != 1 {
		t.Errorf("sent %v", got)
	}
	if _, sent := got["X-None"]; sent {
		t.Errorf("sent %v", got)
	}
	if len(theirs) < 20 || call.Forward.Get("Host") == "" {
		t.Error("the call was changed")
	}
}

func TestForwardedHeadersAreChecked(t *testing.T) {
	c := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("the call arrived") })
	for name, row := range map[string]struct {
		forward http.Header
		field   string
	}{
		"value":        {http.Header{"Origin": {"ok", "secret\r\nX: y"}}, "origin"},
		"name":         {http.Header{"a secret": {"x"}}, "header"},
		"line in name": {http.Header{"secret\r\nX": {"x"}}, "header"},
		"no name":      {http.Header{"": {"x"}}, "header"},
	} {
		err := cancelJob(WithCall(t.Context(), &Call{Forward: row.forward}), c)
		e := wantError(t, err, Invalid)
		if e.Violations[0].Field != row.field || strings.Contains(e.Error(), "secret") || !e.Write {
			t.Errorf("%s: got %#v", name, e)
		}
	}
}
