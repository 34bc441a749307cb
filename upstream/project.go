package upstream

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Project names a project: its number, or its full path such as
// `group/subgroup/app`. A text of digits only is a number; contract section 1.
type Project string

// maxProject is the longest project in bytes. GitLab's own paths are shorter.
const maxProject = 2048

// Rules that a [Project] must keep. They are the Err of an [Error] of kind
// [Invalid].
var (
	ErrProjectEmpty    = errors.New("project must not be empty")
	ErrProjectTooLong  = errors.New("project must not be longer than 2048 bytes")
	ErrProjectEncoding = errors.New("project must be valid UTF-8")
	ErrProjectControl  = errors.New("project must not have control characters")
	ErrProjectSegment  = errors.New("project must not have an empty, '.' or '..' segment")
)

// escape makes p one segment of a URL path. It is the only place where a project
// enters a URL.
func (p Project) escape() (string, error) {
	if err := p.Check(); err != nil {
		return "", err
	}
	return url.PathEscape(string(p)), nil
}

// Check returns the rule that p breaks, nil if it can be asked for.
func (p Project) Check() error {
	switch {
	case p == "":
		return ErrProjectEmpty
	case len(p) > maxProject:
		return ErrProjectTooLong
	case !utf8.ValidString(string(p)):
		return ErrProjectEncoding
	case strings.ContainsFunc(string(p), unicode.IsControl):
		return ErrProjectControl
	}
	for segment := range strings.SplitSeq(string(p), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return ErrProjectSegment
		}
	}
	return nil
}
