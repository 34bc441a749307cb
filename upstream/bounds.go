package upstream

import (
	"errors"
	"fmt"
	"strings"
)

// bounds are of what GitLab sends, in bytes.
type bounds struct{ body, header, errorBody, memory int64 }

var defaultBounds = bounds{body: 32 << 20, header: 64 << 10, errorBody: 1 << 20, memory: 128 << 20}

// WithMaxBody bounds the bytes of an answer other than a log, after
// decompression: 32 MiB by default. A larger one is an [Error] of kind [TooLarge].
func WithMaxBody(bytes int64) Option { return func(c *Client) { c.bounds.body = bytes } }

// WithMaxHeader bounds the bytes of an answer's header: 64 KiB by default. A larger one is
// an [Error] of kind [TooLarge].
func WithMaxHeader(bytes int64) Option { return func(c *Client) { c.bounds.header = bytes } }

// WithMaxErrorBody bounds how many bytes of an answer an [Error] holds: 1 MiB by default.
// It is [Error.Truncated] if there were more.
func WithMaxErrorBody(bytes int64) Option { return func(c *Client) { c.bounds.errorBody = bytes } }

// WithMemory bounds the memory of all answers of more than 1 MiB that are being read at a
// time, logs aside: 128 MiB by default, and never less than [WithMaxBody]. A read that finds
// no room is an [Error] of kind [Limited], a write one of kind [TooLarge].
func WithMemory(bytes int64) Option { return func(c *Client) { c.bounds.memory = bytes } }

var errHeaderTooLarge = errors.New("the header of the answer is larger than allowed")

// isLargeHeader says whether the transport has refused the header of an answer for its
// size. It has no type for that.
func isLargeHeader(err error) bool {
	return strings.Contains(err.Error(), "server response headers exceeded")
}

// check refuses bounds that would let nothing through, or no bound.
func (b bounds) check() error {
	var errs []error
	for _, one := range []struct {
		name        string
		value, most int64
	}{{"the largest body", b.body, 1 << 40}, {"the largest header", b.header, 1 << 30}, {"what is kept of an error", b.errorBody, 1 << 30}} {
		if one.value < 1 || one.value > one.most {
			errs = append(errs, fmt.Errorf("upstream: %s must be from 1 to %d bytes", one.name, one.most))
		}
	}
	if b.memory < b.body {
		errs = append(errs, errors.New("upstream: the memory of all large answers must hold one of the largest"))
	}
	return errors.Join(errs...)
}
