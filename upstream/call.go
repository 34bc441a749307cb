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
	// KeepRedirects asks for the redirect of a moved project as an [Error] of kind
	// [Redirected], where a read would follow it; contract section 1.
	KeepRedirects bool
	// Reply is set by the method.
	Reply Reply
	// Lease is set by a method that answers a wire-backed message: the memory of its
	// bytes, for the one who holds the message to give back.
	Lease *Lease
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
