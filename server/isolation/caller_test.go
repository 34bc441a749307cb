package isolation

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"

	"google.golang.org/grpc/metadata"
)

// caller is somebody with a credential.
type caller struct{ ident }

// anybody draws a caller: mostly one of a few, so that equal ones meet.
func anybody(r *rand.Rand) (c caller) {
	token := tokenText(r.IntN(tokens))
	switch n := r.IntN(20); {
	case n < 2: // nobody
	case n < 11:
		c.private = token
	case n < 13:
		c.bearer = token
	case n < 15:
		c.job = token
	case n < 16:
		c.private, c.job = token, tokenText(r.IntN(tokens))
	case n < 17:
		c.private = "glpat-secret-unknown"
	default:
		c.private = tokenText(adminToken)
	}
	if c.private == tokenText(adminToken) && r.IntN(4) > 0 || r.IntN(30) == 0 {
		c.sudo = fmt.Sprintf("user-%d", r.IntN(users))
	}
	if tokenOf(c.private) == dpopToken && r.IntN(4) > 0 || r.IntN(30) == 0 {
		c.dpop = []string{"good.secret.one", "good.secret.two", "bad.secret.one"}[r.IntN(3)]
	}
	return c
}

// metadata is the credential for gRPC.
func (c caller) metadata() metadata.MD {
	md := metadata.MD{}
	for key, value := range map[string]string{
		"private-token": c.private, "job-token": c.job, "sudo": c.sudo, "dpop": c.dpop,
	} {
		if value != "" {
			md.Set(key, value)
		}
	}
	if c.bearer != "" {
		md.Set("authorization", "Bearer "+c.bearer)
	}
	return md
}

// show puts the credential into a request, in any of its places.
func (c caller) show(r *rand.Rand, h http.Header, q url.Values) {
	in := func(header, scheme, param, value string) {
		switch {
		case value == "":
		case param != "" && r.IntN(4) == 0:
			q.Set(param, value)
		default:
			h.Set(header, scheme+value)
		}
	}
	in("Private-Token", "", "private_token", c.private)
	in("Authorization", "Bearer ", "access_token", c.bearer)
	in("Job-Token", "", "job_token", c.job)
	in("Sudo", "", "sudo", c.sudo)
	in("Dpop", "", "", c.dpop)
}

// op is one call to be made, by any caller.
type op struct {
	kind      kind
	project   string
	number    int // of the project
	job       int
	id        int64
	what      string // of a write, or of a log: "whole", "part", "tail"
	requestID string
	size      int // of a page
	odd       string
	token     string // of a page
	validator string // of HTTP
	cursor    string // of a log, perhaps of another caller's
}

func (o op) String() string {
	return fmt.Sprintf("kind %d of %s job %d %s %s %s", o.kind, o.project, o.id, o.what, o.requestID, o.odd)
}

// anything draws a call.
func (w *world) anything(r *rand.Rand) (o op) {
	o.number = r.IntN(projects)
	o.job = o.number*perProj + r.IntN(perProj)
	o.id = int64(firstJob + o.job)
	o.project = fmt.Sprint(o.number + 1)
	if r.IntN(20) == 0 {
		o.project = fmt.Sprintf("old/p%d", o.number+1)
	} else if r.IntN(4) == 0 {
		o.project = fmt.Sprintf("grp/p%d", o.number+1)
	}
	if r.IntN(25) == 0 {
		o.id = int64(firstBrg + o.number)
	}
	o.kind = []kind{readJob, readJob, readJob, readList, readList, readLog, readLog, writeJob, writeJob, readToken}[r.IntN(10)]
	switch o.kind {
	case readList:
		o.what = []string{"project", "pipeline", "bridges"}[r.IntN(3)]
		o.size = []int{0, 2}[r.IntN(2)]
	case readLog:
		o.what = []string{"whole", "whole", "part", "tail", "lines"}[r.IntN(5)]
	case writeJob:
		o.what = []string{"cancel", "retry", "erase", "play"}[r.IntN(4)]
		if r.IntN(3) > 0 {
			o.requestID = fmt.Sprintf("%s-%d-%d", o.what, o.id, r.IntN(4))
		}
	case readToken:
		o.what = []string{"job", "agents"}[r.IntN(2)]
	case readJob:
	}
	if r.IntN(8) == 0 {
		o.odd = []string{"per_page=abc", ".json", "//", "HEAD", "OPTIONS", "PUT", "x[]=1&x[]=2", "byte_offset=-1"}[r.IntN(8)]
	}
	return o
}
