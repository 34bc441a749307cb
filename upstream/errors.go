package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jobgate/jobgate/upstream/retry"
)

// The client's own timeouts. An [Error] that wraps one of them does not match
// [context.DeadlineExceeded], so that they are told from the caller's deadline.
var (
	// ErrUpstreamTimeout says that a call took longer than [WithTimeout] allows, or a
	// relayed one than [Client.Relay] does.
	ErrUpstreamTimeout = errors.New("gitlab took too long to answer")
	// ErrLogIdle says that a log brought no byte for as long as [WithIdleTimeout]
	// allows.
	ErrLogIdle = errors.New("gitlab sent nothing of the log for too long")
)

// Kind says how a call failed.
type Kind int

// Kinds of [Error].
const (
	Answered    Kind = iota + 1 // GitLab answered with an error status
	Malformed                   // the answer is not what the API promises
	TooLarge                    // the answer exceeds WithMaxBody
	Redirected                  // the answer is a redirect that is not followed
	NotSent                     // provably nothing of the request was written
	Interrupted                 // broken or timed out after something may have been written
	Limited                     // too many calls or large answers are under way, or GitLab's quota is used up; a write was not sent
	Invalid                     // the request breaks a rule of this package; see Violations
)

var kindNames = [...]string{
	"unknown", "answered", "malformed", "too large", "redirected", "not sent", "interrupted", "limited", "invalid",
}

// String names the kind.
func (k Kind) String() string {
	if k <= 0 || int(k) >= len(kindNames) {
		return kindNames[0]
	}
	return kindNames[k]
}

// Error is every error of a [Client]. Its text holds no credential, and of URLs
// scheme and host at most.
type Error struct {
	// Op is what was asked: "cancel job 7 of group/app".
	Op string
	// Kind says how it failed.
	Kind Kind
	// Write tells a call that changes something. Unless Kind is NotSent, Limited or Invalid,
	// or GitLab refused it, the change may have happened.
	Write bool
	// Status is the HTTP status of the answer, 0 if there was none.
	Status int
	// Header of the answer, nil if there was none. It may be shared, and must not be changed.
	Header http.Header
	// Message is GitLab's own words, 512 bytes of valid UTF-8 at most; contract
	// section 3. Of a page of HTML it is the title.
	Message string
	// Code is the `error` of a token problem, such as `insufficient_scope`.
	Code string
	// Violations are the parameters that GitLab or, if Kind is Invalid, this
	// package refused.
	Violations []Violation
	// RequestID is GitLab's number of the request.
	RequestID string
	// RetryAfter is how long GitLab asked to wait, or, of what was not sent, how long it may
	// take until it would be; 0 if that is not known.
	RetryAfter time.Duration
	// ContentType of the answer, as sent.
	ContentType string
	// Body of the answer, 1 MiB at most. If Kind is Answered, Redirected or Malformed it
	// is complete unless Truncated.
	Body []byte
	// Truncated tells that the body went on or broke off.
	Truncated bool
	// Err is the cause, if it is not GitLab's answer.
	Err error
}

// Violation is one parameter that breaks a rule.
type Violation struct {
	Field string // as GitLab spells it: "job_variables_attributes[0][key]"
	Rule  string // what is wrong with it: "is missing"
}

// Error says what was asked and how it failed.
func (e *Error) Error() string {
	text := e.detail()
	if e.Op != "" {
		text = e.Op + ": " + text
	}
	return text
}

func (e *Error) detail() string {
	switch {
	case e.Err != nil && e.Kind == NotSent:
		return "not sent: " + e.Err.Error()
	case e.Err != nil:
		return e.Err.Error()
	case e.Message != "":
		return fmt.Sprintf("gitlab answered %d: %s", e.Status, e.Message)
	case len(e.Violations) > 0:
		return e.Violations[0].Field + " " + e.Violations[0].Rule
	}
	return fmt.Sprintf("gitlab answered %d", e.Status)
}

// OutcomeUnknown says whether e is of a write that reached GitLab, or may have, and whose
// answer, if any, does not tell what became of it: a front end's 502, 503 or 504 is none.
func (e *Error) OutcomeUnknown() bool {
	if !e.Write {
		return false
	}
	switch e.Kind {
	case Interrupted, Malformed, TooLarge:
		return true
	case Answered:
		return retry.Transient(e.Status)
	}
	return false
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// invalid is an error of our own rules, to be completed by whoever knows the call.
func invalid(field, rule string) *Error {
	return &Error{Kind: Invalid, Violations: []Violation{{field, rule}}}
}

// op is what a call is about. Its text is made only if it failed.
type op struct {
	what    string // "cancel job"
	id      int64  // 0 if none
	project Project
}

func (o op) String() string {
	text := o.what
	if o.id != 0 {
		text += " " + strconv.FormatInt(o.id, 10)
	}
	if o.project != "" {
		text += " of " + printable(string(o.project), 256)
	}
	return text
}

// printable cuts text to most bytes and blanks what does not belong on a line.
func printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), 4*most)], "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// cause is why a call with context ctx, made from the caller's, failed with err:
// the end of a context explains all errors that follow from it.
func cause(ctx, caller context.Context, err error) error {
	why := context.Cause(ctx)
	switch {
	case why == nil:
		return foreign(err)
	case caller.Err() == nil, errors.Is(why, caller.Err()),
		errors.Is(why, ErrUpstreamTimeout), errors.Is(why, ErrLogIdle):
		return why
	}
	return fmt.Errorf("%w: %w", caller.Err(), why)
}

// foreign is err without what net/url wraps around errors, a URL with its query.
// The timeouts of a dial or handshake claim to be [context.DeadlineExceeded]; only
// their words are kept, as the caller's deadline has not passed.
func foreign(err error) error {
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.New(err.Error())
	}
	return withoutQuotes(err)
}

// withoutQuotes leaves out of an error what was read from GitLab, or from what is there in
// its place: it may be what the caller has sent, and a secret. net/http quotes it, or has it
// behind the word "malformed".
func withoutQuotes(err error) error {
	text := err.Error()
	if before, _, ok := strings.Cut(text, "malformed"); ok {
		return errors.New(before + "malformed answer")
	}
	if before, _, ok := strings.Cut(text, `"`); ok {
		return errors.New(before + "…")
	}
	return err
}
