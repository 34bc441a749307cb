package upstream

import (
	"net/http"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// jobRead is the request for a job, to make keys of.
func jobRead(t testing.TB, project string, id int64, extra []*jobgatev1.Parameter) *request {
	t.Helper()
	c := clientOf(t, "https://gitlab.example.com")
	r, err := c.jobRequest(http.MethodGet, "get job", project, id, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.query.extra(extra); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestKeysDiffer: whatever is sent otherwise has another key.
func TestKeysDiffer(t *testing.T) {
	const token = "glpat-1"
	asked := jobRead(t, "group/app", 7, nil)
	with := func(forward http.Header) *Call {
		return &Call{Credential: Credential{PrivateToken: token}, Forward: forward}
	}
	ranged := *asked
	ranged.span = "bytes=5-"
	keys, seen := newKeyMaker(), map[frameKey]string{}
	for name, row := range map[string]struct {
		call *Call
		r    *request
	}{
		"private token":      {with(nil), asked},
		"other token":        {&Call{Credential: Credential{PrivateToken: "glpat-2"}}, asked},
		"longer token":       {&Call{Credential: Credential{PrivateToken: token + "1"}}, asked},
		"bearer":             {&Call{Credential: Credential{Authorization: token}}, asked},
		"job token":          {&Call{Credential: Credential{JobToken: token}}, asked},
		"sudo":               {&Call{Credential: Credential{PrivateToken: token, Sudo: "7"}}, asked},
		"sudo alone":         {&Call{Credential: Credential{Sudo: token}}, asked},
		"dpop":               {&Call{Credential: Credential{PrivateToken: token, DPoP: "proof"}}, asked},
		"two in one":         {&Call{Credential: Credential{PrivateToken: "glpat", Authorization: "-1"}}, asked},
		"anonymous":          {nil, asked},
		"origin":             {with(http.Header{"Origin": {"https://a.example"}}), asked},
		"other origin":       {with(http.Header{"Origin": {"https://b.example"}}), asked},
		"empty origin":       {with(http.Header{"Origin": {""}}), asked},
		"two origins":        {with(http.Header{"Origin": {"https://a", ".example"}}), asked},
		"another name":       {with(http.Header{"Origi": {"nhttps://a.example"}}), asked},
		"values or headers":  {with(http.Header{"A": {"b", "C", "d"}}), asked},
		"headers or values":  {with(http.Header{"A": {"b"}, "C": {"d"}}), asked},
		"job":                {with(nil), jobRead(t, "group/app", 77, nil)},
		"project":            {with(nil), jobRead(t, "group/apps", 7, nil)},
		"query":              {with(nil), jobRead(t, "group/app", 7, param("a", "b"))},
		"range":              {with(nil), &ranged},
		"a poll":             {&Call{Credential: Credential{PrivateToken: token}, Poll: true}, asked},
		"where it is":        {&Call{Credential: Credential{PrivateToken: token}, KeepRedirects: true}, asked},
		"query as path":      {with(nil), jobRead(t, "group/app?a=b", 7, nil)},
		"token in the query": {nil, jobRead(t, "group/app", 7, param("x", token))},
	} {
		key := keys.of(row.call, row.r)
		if other, taken := seen[key]; taken {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[key] = name
		if again := keys.of(row.call, row.r); again != key {
			t.Errorf("%s: the key is another one the second time", name)
		}
	}
}

func TestKeysOfTheSame(t *testing.T) {
	keys, asked := newKeyMaker(), jobRead(t, "group/app", 7, nil)
	for name, pair := range map[string][2]*Call{
		"anonymous": {nil, {}},
		"withheld":  {{}, {Forward: http.Header{"Accept": {"text/html"}, "Cookie": {"x"}, "If-None-Match": {`"x"`}, "origin": {"y"}}}},
		"name of the call": {
			{Forward: http.Header{"X-Request-Id": {"1"}, "Origin": {"x"}}},
			{Forward: http.Header{"X-Request-Id": {"2"}, "Origin": {"x"}}},
		},
	} {
		if keys.of(pair[0], asked) != keys.of(pair[1], asked) {
			t.Errorf("%s: the keys differ", name)
		}
	}
	if keys.of(nil, asked) == newKeyMaker().of(nil, asked) {
		t.Error("the key is the same in another process")
	}
}

// TestKeyForgetsTokens: what keys are made in holds no token afterwards.
func TestKeyForgetsTokens(t *testing.T) {
	keys := newKeyMaker()
	s := keys.states.New().(*keyState)
	keys.states.New = func() any { return s }
	keys.of(&Call{Credential: Credential{PrivateToken: "glpat-canary"}}, jobRead(t, "1", 7, nil))
	for _, b := range s.parts[:cap(s.parts)] {
		if b != 0 {
			t.Fatalf("left behind: %q", s.parts[:cap(s.parts)])
		}
	}
}

func BenchmarkKey(b *testing.B) {
	keys, asked := newKeyMaker(), jobRead(b, "group/subgroup/app", 13372368128, nil)
	for name, call := range map[string]*Call{
		"token":         {Credential: Credential{PrivateToken: "glpat-xxxxxxxxxxxxxxxxxxxx"}},
		"bearer":        {Credential: Credential{Authorization: "Bearer " + string(make([]byte, 700))}},
		"token, origin": {Credential: Credential{PrivateToken: "glpat-xxxxxxxxxxxxxxxxxxxx"}, Forward: http.Header{"Origin": {"https://a.example"}, "X-Request-Id": {"x"}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				keys.of(call, asked)
			}
		})
	}
}
