package admission

import "errors"

var (
	errNoToken     = errors.New("holds no token")
	errLongToken   = errors.New("holds more than a token of 8 KiB")
	errNotOneToken = errors.New("must hold one token of visible ASCII characters, or Bearer and one")
)

// StrangerError says that nobody knows who calls.
type StrangerError struct{ Rule string }

// Error is for the caller.
func (e *StrangerError) Error() string { return e.Rule }

// DeniedError says that the policy does not let a caller.
type DeniedError struct {
	// Rule names the rule of the policy that denies, "" if none allows.
	Rule string
	// Why is in words that the caller may be told.
	Why string
}

// Error is for the caller, and names the rule.
func (e *DeniedError) Error() string {
	if e.Rule == "" {
		return "the policy does not allow this: " + e.Why
	}
	return "rule " + e.Rule + " of the policy denies this: " + e.Why
}

// ErrExpired ends a stream whose caller's bearer token, or certificate, has expired.
var ErrExpired = errors.New("the bearer token or client certificate of the caller has expired")
