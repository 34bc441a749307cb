package upstream

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

var errTooLarge = errors.New("the answer is larger than allowed")

const (
	firstBuffer = 16 << 10 // bytes, for an answer of unknown length
	keptBuffer  = 1 << 20  // bytes; larger buffers are left to the collector
)

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// buffer holds an answer while it is being read and encoded.
type buffer struct {
	bytes []byte
	room  *bodyRoom // that of a large answer, nil for others
	taken int64     // of it
}

var errCrowded = errors.New("too many large answers are being read at a time")

// bodyRoom is the memory of all large answers of a client that are being read at a time: so
// that many answers without an end do not take many times the bound of one. Answers of up
// to keptBuffer do not count; of GitLab's own, hardly any is larger.
type bodyRoom struct {
	most int64 // bytes
	used atomic.Int64
}

// grow makes room in b for a capacity, and says whether there is.
func (room *bodyRoom) grow(b *buffer, capacity int) bool {
	if capacity <= keptBuffer {
		return true
	}
	more := int64(capacity) - b.taken
	if room.used.Add(more) > room.most {
		room.used.Add(-more)
		return false
	}
	b.room = room
	b.taken += more
	return true
}

func newBuffer() *buffer {
	b, _ := buffers.Get().(*buffer)
	return b
}

// free gives b back. Nothing may refer to its bytes any more.
func (b *buffer) free() {
	if b.room != nil {
		b.room.used.Add(-b.taken)
		b.room, b.taken = nil, 0
	}
	if cap(b.bytes) <= keptBuffer {
		b.bytes = b.bytes[:0]
		buffers.Put(b)
	}
}

// readBody reads a whole answer of no more than most bytes. The buffer is never nil; the
// caller frees it, also after an error.
func readBody(resp *http.Response, most int64, room *bodyRoom) (*buffer, error) {
	b := newBuffer()
	switch {
	case resp.ContentLength > most:
		return b, errTooLarge
	case !room.grow(b, int(expected(resp.ContentLength))+1):
		return b, errCrowded
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
			capacity := min(4*len(b.bytes), int(most)+1)
			if !room.grow(b, capacity) {
				return b, errCrowded
			}
			b.bytes = append(make([]byte, 0, capacity), b.bytes...)
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
		return errors.New("answer has " + known("content encoding", name))
	}
	contentType := h.Get("Content-Type")
	if contentType == "" || slices.Contains(want, contentType) || slices.Contains(want, mediaType(contentType)) {
		return nil
	}
	return fmt.Errorf("answer has %s, not %s", known("content type", mediaType(contentType)), want[0])
}

// known names a value of a header if it is a usual one. Another one may be what the caller
// has sent, and a secret.
func known(what, value string) string {
	switch value = strings.ToLower(value); value {
	case "text/html", "text/plain", "text/xml", "application/xml", "application/json", "application/octet-stream",
		"application/problem+json", "multipart/byteranges", "gzip", "br", "zstd", "deflate", "compress":
		return what + " " + value
	}
	return "an unusual " + what
}
