package identity

// Reason is the rule that a token breaks.
type Reason int

// Reasons of an [Error].
const (
	NoToken Reason = iota + 1
	TooLong
	Malformed
	AlgorithmNotAllowed
	UnknownKey
	BadSignature
	WrongIssuer
	WrongAudience
	Expired
	NotYetValid
	IssuedInFuture
	NoSubject
)

// Error says which rule a token breaks. It quotes nothing of the token, and may be told to
// the caller.
type Error struct {
	Reason Reason
	// Part is where in the token: "header alg", "claim exp"; empty for the token as a whole.
	Part string
	// Rule is what is wrong, in words.
	Rule string
}

// Error names the part and the rule.
func (e *Error) Error() string {
	if e.Part == "" {
		return "bearer token: " + e.Rule
	}
	return "bearer token: " + e.Part + ": " + e.Rule
}

// KeysError says that a token could not be looked at, since there are no keys yet: nothing
// is known of the token, and the call can be tried again. Err is for the operator.
type KeysError struct{ Err error }

// Error tells a caller nothing of where keys are from.
func (e *KeysError) Error() string { return "the keys that verify bearer tokens are not available" }

// Unwrap returns why there are none, or why the wait for them ended.
func (e *KeysError) Unwrap() error { return e.Err }
