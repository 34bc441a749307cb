package inproc

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/jobgate/jobgate/upstream"
)

// Caller is what a face of the gateway tells the chain about one call, and what the
// chain tells it in return, as Go values: no metadata can claim any of it. It must not
// be shared between calls.
type Caller struct {
	// Call is the call as the upstream client sees it. Its credential is the caller's;
	// the credential in the metadata is not read. Reply, Lease and Frame are set when
	// the call returns.
	upstream.Call
	// RequestID is the caller's name for the call, "" for none.
	RequestID string
	// ByReference says that the caller takes wire-backed messages, whose fields are in
	// the unknown fields, and shares the bytes of all messages with the service. It may
	// give the Lease back once it is done with the answer. A message of a stream is its
	// own only until it returns from taking it.
	ByReference bool
	// TLS is the state of the caller's connection, nil for plaintext.
	TLS *tls.ConnectionState
	// Shown is what the caller showed; the credential of Call is what GitLab is asked with.
	Shown upstream.Credential
	// ForOthers says that something in the request names another caller, or another HTTP
	// method, than is told here; or may, where it cannot be read.
	ForOthers bool
	// Relayed tells what the request is about, should it go to GitLab as it came.
	Relayed Relayed
	// LogOnly says that the caller wants the bytes of a log and nothing of the job, so
	// that one request to GitLab is enough.
	LogOnly bool
	// LogLength is how many bytes of a log will come, -1 if that is not known. It is set
	// before the first of them.
	LogLength int64
	// Failure is set when the call fails.
	Failure *Failure
}

// Relayed is what a request is about that may go as it came.
type Relayed struct {
	Method, Project string // the method that comes nearest to it, and the project, "" for none
	Reading         bool   // it changes nothing, by its HTTP method
	Certain         bool   // its path is just what the method would ask for
}

// Failure is what a status cannot hold of how a call failed.
type Failure struct {
	// Upstream is the error of the upstream client with GitLab's answer in it, nil if it
	// had no part.
	Upstream *upstream.Error
	// Status is the HTTP status that says the same as the code, for failures that are
	// not an answer of GitLab's.
	Status int
	// RetryAfter is how long to wait before the call is tried again, 0 if that is not known.
	RetryAfter time.Duration
	// Reason is that of the ErrorInfo detail.
	Reason string
	// Message is for people, without secrets.
	Message string
	// RequestID names the call in the logs.
	RequestID string
}

// ErrEnough ends a call whose caller has all that he wants: it is a success.
var ErrEnough = errors.New("the caller has enough")

type (
	callerKey  struct{}
	channelKey struct{}
)

// WithCaller is the context of one call through a [Channel].
func WithCaller(ctx context.Context, caller *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// CallerFrom returns the caller of a call that came through a [Channel], nil for one
// from the network or one whose caller is told by metadata as usual.
func CallerFrom(ctx context.Context) *Caller {
	caller, _ := ctx.Value(callerKey{}).(*Caller)
	return caller
}

// Inside says whether a call came through a [Channel].
func Inside(ctx context.Context) bool { return ctx.Value(channelKey{}) != nil }

// Host is the host of an address: who calls, by whatever connection.
func Host(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
