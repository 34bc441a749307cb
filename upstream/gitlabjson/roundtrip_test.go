package gitlabjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// messageFor returns an empty message of the type that a sample's file name tells.
func messageFor(name string) proto.Message {
	switch {
	case strings.HasPrefix(name, "bridge"):
		return &jobgatev1.Bridge{}
	case strings.HasPrefix(name, "allowed"):
		return &jobgatev1.AllowedAgents{}
	}
	return &jobgatev1.Job{}
}

// samples yields every object of every sample, with the type that it has.
func samples(t testing.TB) map[string]sample {
	t.Helper()
	all := map[string]sample{}
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no samples", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(file, "testdata/")
		var list []json.RawMessage
		if json.Unmarshal(text, &list) != nil {
			list = []json.RawMessage{text}
		}
		for i, object := range list {
			all[fmt.Sprintf("%s#%d", name, i)] = sample{object, messageFor(filepath.Base(file))}
		}
	}
	return all
}

type sample struct {
	json    []byte
	message proto.Message
}

// checkRoundTrip asserts the package's promise for one text. It returns the
// message, nil if the text is none.
func checkRoundTrip(t testing.TB, text []byte, m proto.Message) proto.Message {
	t.Helper()
	table := TableOf(m)
	prefix := []byte("kept")
	wire, err := table.AppendWire(prefix, text)
	if !bytes.HasPrefix(wire, prefix) {
		t.Fatalf("dst was not kept: %q", wire)
	}
	wire = wire[len(prefix):]
	if good := acceptable(text); (err == nil) != good {
		t.Fatalf("AppendWire: error %v, but acceptable is %v\n%s", err, good, text)
	}
	if err != nil {
		if e, ok := errors.AsType[*Error](err); !ok || e.Rule == "" || e.Offset < 0 || e.Offset > len(text) {
			t.Fatalf("untyped error %#v", err)
		}
		return nil
	}
	want, err := canonical(text)
	if err != nil {
		t.Fatalf("test parser: %v\n%s", err, text)
	}
	same := func(how string, wire []byte) {
		out, err := table.AppendJSON(nil, wire)
		if err != nil {
			t.Fatalf("%s: AppendJSON: %v\n%s", how, err, text)
		}
		if got, err := canonical(out); err != nil || got != want {
			t.Fatalf("%s: not the identity (%v)\nin:  %s\nout: %s", how, err, text, out)
		}
	}
	same("wire", wire)
	typed := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(wire, typed); err != nil {
		t.Fatalf("proto.Unmarshal: %v\n%s", err, text)
	}
	if unknown := typed.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		t.Fatalf("fields that the contract lacks: %x", unknown)
	}
	again, err := proto.Marshal(typed)
	if err != nil {
		t.Fatalf("proto.Marshal: %v", err)
	}
	same("typed", again)
	return typed
}

// acceptable says independently whether a text is one that a message can be made
// of: an object in valid JSON and UTF-8 that is not nested beyond the bound.
func acceptable(text []byte) bool {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(trimmed); i++ {
		switch c := trimmed[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '{' || c == '['):
			depth++
			deepest = max(deepest, depth)
		case !quoted && (c == '}' || c == ']'):
			depth--
		}
	}
	return json.Valid(text) && utf8.Valid(text) && trimmed[0] == '{' && deepest <= MaxDepth
}

func TestSamplesRoundTrip(t *testing.T) {
	for name, s := range samples(t) {
		t.Run(name, func(t *testing.T) {
			m := checkRoundTrip(t, s.json, s.message)
			if job, ok := m.(*jobgatev1.Job); ok && strings.HasPrefix(name, "current/") && len(job.GetExtra()) > 2 {
				t.Errorf("extra has %d entries for a current job: %v", len(job.GetExtra()), job.GetExtra())
			}
		})
	}
}

// Current GitLab leaves no residue at all in our samples, whatever entity.
func TestCurrentSamplesHaveNoResidue(t *testing.T) {
	for name, s := range samples(t) {
		if !strings.HasPrefix(name, "current/") || strings.Contains(name, "retry_of_bridge") {
			continue
		}
		wire, err := TableOf(s.message).AppendWire(nil, s.json)
		if err != nil {
			t.Fatal(err)
		}
		m := s.message.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(wire, m); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(m)
		if strings.Contains(text, "extra:{") || strings.Contains(text, "absent:") {
			t.Errorf("%s: residue in %s", name, text)
		}
	}
}

func TestShapes(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := strings.Repeat(`"new":1,`, 70)
	for i := range 70 {
		many += fmt.Sprintf(`"n%d":{"a":[%d]},`, i, i)
	}
	cases := map[string]string{
		"empty object":                    `{}`,
		"space everywhere":                " {\n\"id\" : 1 ,\t\"tag\" : true , \"x\" : [ 1 , { } ] }\r\n",
		"unknown member":                  `{"id":1,"new":{"a":[1,2.50,"x",null,true]}}`,
		"member called extra":             `{"id":1,"extra":{"a":1},"absent":[1]}`,
		"empty member name":               `{"":1}`,
		"name that begins with a quote":   `{"\"id\"":1,"id":2}`,
		"name with an escape":             `{"\u0069d":7,"n\u00e9":1,"a\tb":2}`,
		"name with a lone surrogate":      `{"\ud800":1,"\ud801":2,"\"\\ud800\"":3}`,
		"unknown word":                    `{"status":"dreaming","failure_reason":"boredom"}`,
		"empty word":                      `{"status":""}`,
		"word with an escape":             `{"status":"succ\u0065ss"}`,
		"word of the zero value":          `{"status":"unspecified"}`,
		"nullable word unknown":           `{"pipeline":{"source":"telepathy"},"artifacts":[{"file_format":"brotli"}]}`,
		"expected nulls":                  `{"user":null,"commit":null,"coverage":null,"runner":null,"runner_manager":null,"stage":null,"pipeline":null}`,
		"unexpected nulls":                `{"id":null,"name":null,"tag":null,"artifacts":null,"tag_list":null,"failure_reason":null,"artifacts_file":null,"status":null}`,
		"null time":                       `{"created_at":null,"user":{"created_at":null,"followers":null}}`,
		"wrong types":                     `{"id":"1","name":2,"tag":"yes","artifacts":{},"tag_list":"a","user":[],"duration":"1.0","created_at":5,"status":3}`,
		"wrong elements":                  `{"artifacts":[{"size":1},null],"tag_list":["a",1],"commit":{"parent_ids":["a",{}],"trailers":{"a":"b","c":1},"extended_trailers":{"a":["b"],"c":["d",2]}}}`,
		"zero values":                     `{"id":0,"name":"","tag":false,"coverage":0.0,"duration":0.0,"user":{"followers":0,"bio":""},"artifacts":[{"size":0}]}`,
		"largest number":                  `{"id":9223372036854775807}`,
		"smallest number":                 `{"id":-9223372036854775808}`,
		"beyond the largest":              `{"id":9223372036854775808}`,
		"whole numbers with a fraction":   `{"id":240.0,"artifacts":[{"size":1e3}]}`,
		"numbers that are not whole":      `{"id":240.5}`,
		"minus zero":                      `{"id":-0,"duration":-0.0,"coverage":-0}`,
		"doubles as Ruby prints them":     `{"duration":240.0,"coverage":87.4,"queued_duration":1.0e-05}`,
		"doubles in other forms":          `{"duration":240,"coverage":87.40,"queued_duration":1e2}`,
		"doubles at the edges":            `{"duration":0.0001,"coverage":1.0e+16,"queued_duration":1000000000000000.0}`,
		"doubles just beyond":             `{"duration":0.00001,"coverage":10000000000000000.0,"queued_duration":1e400}`,
		"double with 17 digits":           `{"duration":69.913281180000000000001,"coverage":0.1234567890123456}`,
		"double with 16 digits":           `{"duration":9007199254740993.0,"coverage":123456789012345.6}`,
		"time in another zone":            `{"created_at":"2026-03-04T11:22:40.180+01:00"}`,
		"time without fraction":           `{"created_at":"2026-03-04T10:22:40Z"}`,
		"time with microseconds":          `{"created_at":"2026-03-04T10:22:40.180123Z"}`,
		"time that is none":               `{"created_at":"yesterday","started_at":"2026-02-30T10:22:40.180Z","finished_at":"2026-03-04T25:22:40.180Z"}`,
		"leap second":                     `{"created_at":"2016-12-31T23:59:60.000Z"}`,
		"leap day":                        `{"created_at":"2024-02-29T00:00:00.000Z","started_at":"2000-02-29T00:00:00.000Z","finished_at":"1900-02-29T00:00:00.000Z"}`,
		"years at the edges":              `{"created_at":"0001-01-01T00:00:00.000Z","started_at":"9999-12-31T23:59:59.999Z","finished_at":"0000-01-01T00:00:00.000Z"}`,
		"before the epoch":                `{"created_at":"1969-12-31T23:59:59.999Z","started_at":"1970-01-01T00:00:00.000Z"}`,
		"time with an escape":             `{"created_at":"2026-03-04T10:22:40.180\u005a"}`,
		"lone surrogate":                  `{"name":"\ud800x","ref":"\udc00\ud800"}`,
		"pair and escapes":                `{"name":"\ud83d\ude00 \"\\\/\b\f\n\r\t\u0000\u001f é 漢 \u20ac"}`,
		"lone surrogates in parts":        `{"tag_list":["a","\ud800"],"commit":{"trailers":{"\ud800":"x"},"extended_trailers":{"a":["\ud800"]}}}`,
		"repeated member":                 `{"id":1,"id":2,"name":"a","name":"b"}`,
		"repeated member, other type":     `{"user":{"id":1},"user":null,"id":5,"id":"x"}`,
		"repeated unknown member":         `{"new":1,"new":2,"\u006eew":3}`,
		"repeated member, then left":      `{"user":{"id":1,"id":2,"name":"x"},"pipeline":{"iid":1,"iid":1}}`,
		"repeated in a free object":       `{"allowed_agents":[{"id":1,"configuration":{"a":1,"a":2}}]}`,
		"repeated trailer":                `{"commit":{"trailers":{"a":"1","a":"2"},"extended_trailers":{"a":["1"],"a":["2","3"]}}}`,
		"many unknown members":            `{` + many + `"id":1}`,
		"nested to the bound":             `{"new":` + deep(MaxDepth-1) + `}`,
		"nested beyond the bound":         `{"new":` + deep(MaxDepth) + `}`,
		"long text with escapes":          `{"name":"` + strings.Repeat(`a\n`, 300) + `","ref":"` + strings.Repeat("é", 9000) + `"}`,
		"array":                           `[{"id":1}]`,
		"text":                            `"x"`,
		"nothing":                         ``,
		"two objects":                     `{}{}`,
		"cut short":                       `{"id":1,"name":"x`,
		"comma at the end":                `{"id":1,}`,
		"no comma":                        `{"id":1"name":"x"}`,
		"no colon":                        `{"id" 1}`,
		"raw control character":           "{\"name\":\"a\nb\"}",
		"bad UTF-8":                       "{\"name\":\"\xff\"}",
		"bad UTF-8 in an unknown member":  "{\"new\":\"\xc3\"}",
		"bad UTF-8 in a name":             "{\"\xed\xa0\x80\":1}",
		"bad escape":                      `{"name":"\x41"}`,
		"bad number":                      `{"id":01}`,
		"bad number in an unknown member": `{"new":[1.]}`,
		"NaN":                             `{"duration":NaN}`,
		"NUL at the end":                  "{\"id\":1}\x00",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) { checkRoundTrip(t, []byte(text), &jobgatev1.Job{}) })
	}
}

func TestFreeObjects(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":[`, n) + "1" + strings.Repeat(`]}`, n) }
	cases := map[string]struct {
		configuration string
		inResidue     bool
	}{
		"usual":              {`{"default_namespace":"production","environments":["production","review/*"],"n":3,"on":true,"off":null,"f":1.5}`, false},
		"empty":              {`{}`, false},
		"largest safe":       {`{"n":9007199254740992}`, false},
		"unsafe":             {`{"n":9007199254740993}`, true},
		"needless fraction":  {`{"n":1.0}`, true},
		"negative":           {`{"n":-5,"m":-1.25}`, false},
		"deep":               {nested(15), false},
		"deeper":             {nested(20), true},
		"lone surrogate":     {`{"a":"\ud800"}`, true},
		"escaped":            {`{"a\n":"b\u0000"}`, false},
		"not an object":      {`[1]`, true},
		"out of range":       {`{"n":1e999}`, true},
		"long name and text": {`{"` + strings.Repeat("k", 300) + `":"` + strings.Repeat("v", 300) + `","b":{"c":{"d":"` + strings.Repeat("v", 20000) + `"}}}`, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := `{"allowed_agents":[{"id":5,"configuration":` + c.configuration + `}]}`
			m := checkRoundTrip(t, []byte(text), &jobgatev1.AllowedAgents{}).(*jobgatev1.AllowedAgents)
			agent := m.GetAllowedAgents()[0]
			if _, in := agent.GetExtra()["configuration"]; in != c.inResidue {
				t.Errorf("in the residue: %v, want %v", in, c.inResidue)
			}
		})
	}
}
