package server

import (
	"encoding/base64"
	"errors"
	"strings"
)

// opaque are the texts that callers are given to come back with, cursors and page tokens:
// base64url without padding. Each has one spelling.
var opaque = base64.RawURLEncoding.Strict()

var errLineBreak = errors.New("a line break")

// fromOpaque reads such a text. The decoder alone would pass over line breaks.
func fromOpaque(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errLineBreak
	}
	return opaque.DecodeString(text)
}
