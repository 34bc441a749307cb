package upstream

import (
	"context"
	"net/http"
)

// Call goes with one call of a [Client] method in its context: who asks, on the
// way in; what GitLab answered, on the way out. It must not be shared between
// calls that run at the same time.
type Call struct {
	// Credential is whose call it is.
	Credential Credential
	// Forward are further headers of the caller's, by canonical name, that are sent to
	// GitLab as they came; nil for none. Those that the client sets itself, or that
	// would change what an answer or a connection means, are left out: credentials,
	// what describes a body, conditions, ranges, cookies, idempotency keys and the
	// headers of a connection.
	Forward http.Header
	// Spelling is the request in the caller's own words, sent in the place of those that
	// are made of the message; nil for none. It must say the same. GitLab repeats a query
	// in links and redirects. Logs do not heed it.
	Spelling *Spelling
	// BridgesRoute is the route that [Client.ListPipelineBridges] asks by, "bridges" or
	// "trigger_jobs", and by no other; "" is whichever GitLab has. Contract section 7.3.
	BridgesRoute string
	// KeepRedirects asks for the redirect of a moved project as an [Error] of kind
	// [Redirected], where a read would follow it; contract section 1.
	KeepRedirects bool
	// Caller names who asks, such as a host, for those that share a credential to be served in
	// turns; "" is one like any other.
	Caller string
	// Identity tells apart those who share a credential that is not their own; "" where
	// each has his own. It goes nowhere.
	Identity string
	// Poll says that nobody waits for the answer: it comes after calls for which somebody
	// does, where GitLab's quota is short.
	Poll bool
	// Fresh asks GitLab itself, for this call alone: what it said before, or is saying to
	// an equal one, is no answer.
	Fresh bool
	// Quota is set by the method to what is left of GitLab's quota, nil if that is not known.
	Quota *Quota
	// Reply is set by the method.
	Reply Reply
	// Lease is set by a method that answers a wire-backed message: the memory of its
	// bytes, for the one who holds the message to give back.
	Lease *Lease
	// Frame is set by a method whose answer is the bytes of the frame cache: they belong
	// to the cache, must not be changed, and have no Lease. Else it is nil.
	Frame *Frame
}

// Spelling is how a caller wrote a request that a message stands for.
type Spelling struct {
	Query       string // raw, without '?'
	ContentType string // "" for none
	Body        []byte // nil for none
}

// Reply is how GitLab answered, with success or error. It is zero if it did not.
// Where a method asks more than once, it is the last answer.
type Reply struct {
	Status int
	Header http.Header
}

type callKey struct{}

// WithCall puts call into the context for a method of [Client].
func WithCall(ctx context.Context, call *Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// CallFrom returns the [Call] of the context, nil if it has none. A call without
// one is anonymous.
func CallFrom(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}
