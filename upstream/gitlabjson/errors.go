package gitlabjson

import "fmt"

// Error says that a text is not what GitLab's API promises, so that no message
// can be made of it.
type Error struct {
	// Offset is the place in the text, in bytes from its start.
	Offset int
	// Rule is what was expected there, for instance "an object".
	Rule string
}

// Error names the place and the rule; it never quotes the text.
func (e *Error) Error() string {
	return fmt.Sprintf("malformed JSON at byte %d: %s expected", e.Offset, e.Rule)
}
