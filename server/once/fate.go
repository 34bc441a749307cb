package once

import (
	"errors"
	"net/http"

	"github.com/jobgate/jobgate/upstream"
)

// Fate is what became of a write, as far as its repeats are concerned.
type Fate int

// Fates of a write.
const (
	// Unknown is that of a write that may have happened. A repeat is told so, and nothing
	// is sent.
	Unknown Fate = iota + 1
	// Undone is that of a write that has not happened: GitLab refused it, or nothing of it
	// was sent. It is forgotten, and a repeat is tried like a first one.
	Undone
	// Done is that of a write that happened. A repeat is answered the same.
	Done
)

// FateOf judges an error of the upstream client's. Only what proves that nothing happened
// is [Undone]: a 500 may come after the change was made, and is none of GitLab's refusals.
func FateOf(err error) Fate {
	e, ok := errors.AsType[*upstream.Error](err)
	if !ok {
		return Unknown
	}
	switch e.Kind {
	case upstream.NotSent, upstream.Limited, upstream.Invalid, upstream.Redirected:
		return Undone
	case upstream.Answered:
		return fateOfStatus(e.Status)
	}
	return Unknown
}

// fateOfStatus takes a 4xx for a refusal, but for those by which something between here
// and GitLab says that it has not waited.
func fateOfStatus(status int) Fate {
	const closed = 499 // nginx: who asked went away
	if status/100 != 4 || status == http.StatusRequestTimeout || status == closed {
		return Unknown
	}
	return Undone
}
