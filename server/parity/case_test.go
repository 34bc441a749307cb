package parity

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// section is a part of docs/parity.md.
type section struct {
	title string
	rules []rule
}

// rule is a row of docs/parity.md: its text stands there too.
type rule struct {
	text  string
	cases []testCase
}

// kind is what must be equal.
type kind int

const (
	same     kind = iota // everything
	local                // the answer; GitLab is not asked
	probed               // the answers; GitLab may be asked more often for the same log
	class                // the class of the status; what reaches GitLab is what was asked, or nothing
	deviates             // nothing: a deliberate difference, judged by the case's own check
)

// testCase is a request, or a few one after the other, against one sandbox.
type testCase struct {
	id     string
	want   int // status of GitLab's last answer, so that a case proves what it says
	calls  []call
	text   string // part of GitLab's last answer, header fields included
	kind   kind
	values bool // JSON need not be equal in bytes
	walk   bool // goes on by the links rel="next"

	root    string // relative URL root of this GitLab
	options []sandbox.Option
	arrange func(*sandbox.Sandbox)
	front   func(http.Handler) http.Handler // what stands in front of this GitLab
	check   func(direct, through side) string
}

// Answers of GitLab's that a case may want beside a status.
const (
	nothing  = 0  // none: the connection breaks
	anything = -1 // what GitLab says is not the point
)

// c is a case that is played the same way everywhere.
func c(id string, want int, calls ...call) testCase {
	return testCase{id: id, want: want, calls: calls}
}

func (tc testCase) says(text string) testCase { tc.text = text; return tc }

func (tc testCase) is(k kind) testCase { tc.kind = k; return tc }

func (tc testCase) walks() testCase { tc.walk = true; return tc }

func (tc testCase) given(arrange func(*sandbox.Sandbox)) testCase { tc.arrange = arrange; return tc }

func (tc testCase) on(options ...sandbox.Option) testCase { tc.options = options; return tc }

// old plays a GitLab of the 15.6 era. It has members in another order, which is lost on the way.
func (tc testCase) old() testCase { return tc.on(sandbox.WithVersion(sandbox.VersionOld)).byValue() }

// byValue compares JSON by value alone: the order of members and the spelling of texts may change.
func (tc testCase) byValue() testCase { tc.values = true; return tc }

func (tc testCase) behind(front func(http.Handler) http.Handler) testCase {
	tc.front = front
	return tc
}

func (tc testCase) under(root string) testCase {
	tc.root = root
	return tc.on(sandbox.WithURL(sandbox.DefaultURL + root))
}

// but makes a case one of a deliberate difference, which check judges.
func (tc testCase) but(check func(direct, through side) string) testCase {
	tc.kind, tc.check = deviates, check
	return tc
}

// call is one request. {etag}, {cursor}, {prev-cursor} and {next} in its target and header stand
// for those of the answer before, each side its own.
type call struct {
	method, target string
	header         [][2]string
	body           string
	later          time.Duration // since the call before
}

// change is something that one call has and another has not.
type change func(*call)

func do(method, target string, changes ...change) call {
	one := call{method: method, target: "/api/v4" + target}
	for _, change := range changes {
		change(&one)
	}
	return one
}

func get(target string, changes ...change) call { return do(http.MethodGet, target, changes...) }

func head(target string, changes ...change) call { return do(http.MethodHead, target, changes...) }

func post(target string, changes ...change) call { return do(http.MethodPost, target, changes...) }

// raw is a call whose target is not below /api/v4.
func raw(method, target string, changes ...change) call {
	one := do(method, "", changes...)
	one.target = target
	return one
}

func header(name, value string) change {
	return func(one *call) { one.header = append(one.header, [2]string{name, value}) }
}

func as(token string) change       { return header("PRIVATE-TOKEN", token) }
func bearer(token string) change   { return header("Authorization", "Bearer "+token) }
func jobToken(token string) change { return header("JOB-TOKEN", token) }

func after(d time.Duration) change { return func(one *call) { one.later = d } }

// sending gives a call a body; an empty kind sends no Content-Type.
func sending(kind, body string) change {
	return func(one *call) {
		one.body = body
		if kind != "" {
			one.header = append(one.header, [2]string{"Content-Type", kind})
		}
	}
}

func form(body string) change { return sending("application/x-www-form-urlencoded", body) }

func jsonBody(body string) change { return sending("application/json", body) }

const boundary = "0123456789abcdef"

// multipart sends fields, name and value in turn.
func multipart(fields ...string) change {
	body := ""
	for pair := range slices.Chunk(fields, 2) {
		body += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + pair[0] + "\"\r\n\r\n" + pair[1] + "\r\n"
	}
	return sending("multipart/form-data; boundary="+boundary, body+"--"+boundary+"--\r\n")
}

// The people of the sandbox.
var (
	root = as(sandbox.TokenAdmin)
	ada  = as(sandbox.TokenMaintainer)
	ben  = as(sandbox.TokenDeveloper)
	cleo = as(sandbox.TokenReporter)
	dan  = as(sandbox.TokenGuest)
	finn = as(sandbox.TokenOutsider)
)

func sortedNames[V any](table map[string]V) []string { return slices.Sorted(maps.Keys(table)) }

// each makes a case of every entry of a table, its key the end of the id.
func each[V any](table map[string]V, build func(name string, value V) testCase) []testCase {
	var cases []testCase
	for _, name := range sortedNames(table) {
		cases = append(cases, build(name, table[name]))
	}
	return cases
}
