package upstream

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
)

var errTooLarge = errors.New("the answer is larger than allowed")

const (
	firstBuffer = 16 << 10 // bytes, for an answer of unknown length
	keptBuffer  = 1 << 20  // bytes; larger buffers are left to the collector
)

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// buffer holds an answer while it is being read and encoded.
type buffer struct{ bytes []byte }

func newBuffer() *buffer {
	b, _ := buffers.Get().(*buffer)
	return b
}

// free gives b back. Nothing may refer to its bytes any more.
func (b *buffer) free() {
	if cap(b.bytes) <= keptBuffer {
		b.bytes = b.bytes[:0]
		buffers.Put(b)
	}
}

// readBody reads a whole answer of no more than most bytes. The buffer is never nil; the
// caller frees it, also after an error.
func readBody(resp *http.Response, most int64) (*buffer, error) {
	b := newBuffer()
	if resp.ContentLength > most {
		return b, errTooLarge
	}
	// One byte more than is expected finds the end without growing.
	b.bytes = slices.Grow(b.bytes, int(expected(resp.ContentLength))+1)
	for {
		n, err := resp.Body.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case int64(len(b.bytes)) > most:
			return b, errTooLarge
		case isEnd(err):
			return b, shorter(int64(len(b.bytes)), resp.ContentLength)
		case err != nil:
			return b, err
		}
		if len(b.bytes) == cap(b.bytes) { // no further than the byte that is too many
			b.bytes = append(make([]byte, 0, min(4*len(b.bytes), int(most)+1)), b.bytes...)
		}
	}
}

// isEnd tells a clean end. A wrapped io.EOF is none.
func isEnd(err error) bool { return err == io.EOF } //nolint:errorlint // see above

func expected(contentLength int64) int64 {
	if contentLength < 0 {
		return firstBuffer
	}
	return contentLength
}

// shorter refuses the end of a body before its announced length. net/http does so
// too; a transport of the caller's may not.
func shorter(got, contentLength int64) error {
	if contentLength >= 0 && got < contentLength {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// checkType refuses an answer of another media type than the given ones, or in an
// encoding that we did not ask for. An answer without a type is taken.
func checkType(h http.Header, want ...string) error {
	if name := encoded(h); name != "" {
		return fmt.Errorf("answer has content encoding %q", printable(name, 64))
	}
	contentType := h.Get("Content-Type")
	if contentType == "" || slices.Contains(want, contentType) || slices.Contains(want, mediaType(contentType)) {
		return nil
	}
	return fmt.Errorf("answer has content type %q, not %s", printable(contentType, 128), want[0])
}
