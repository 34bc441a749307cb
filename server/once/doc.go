// Package once does a write once, however often it is asked for: the first request with a
// name runs it, those that come meanwhile wait for its outcome, and those that come later
// are answered what the first one was, after GitLab's yes to the one who asks now. It is
// the memory behind `request_id` of the contract (AIP-155), within one process. It knows
// nothing of gRPC or HTTP.
package once
