package upstream

import (
	"net/http"
	"sync/atomic"
)

// Frame is an answer of GitLab's that is kept, as wire bytes that never change, for the
// one credential and request that it was given to. It is used again only after GitLab has
// said, to that credential, that it is still the answer. Its methods may be called at the
// same time, and also when the cache has let go of it.
type Frame struct {
	etag   string
	wire   []byte
	header http.Header
	cache  *frameCache
	entry  *frameEntry // nil once the cache has let go of it; guarded by cache.mu
	json   atomic.Pointer[[]byte]
	asked  atomic.Int64 // when the request was sent that GitLab last said yes to; see finished
}

// JSON is the encoded form that was attached to f, nil if there is none. It must not be
// changed.
func (f *Frame) JSON() []byte {
	if json := f.json.Load(); json != nil {
		return *json
	}
	return nil
}

// AttachJSON keeps the encoded form of f beside it, within the bound of [WithCache]. The
// bytes must be of their exact size, and must not be changed any more. The first that is
// attached stays; nothing is attached to a frame that the cache has let go of, or that
// would become too large.
func (f *Frame) AttachJSON(json []byte) {
	if len(json) > 0 && f.cache != nil {
		f.cache.attach(f, json)
	}
}

// newFrame copies an answer, whose memory is going to be used again.
func newFrame(etag string, wire []byte, header http.Header) *Frame {
	f := &Frame{etag: etag, wire: make([]byte, len(wire)), header: keptHeader(header)}
	copy(f.wire, wire)
	return f
}

// size is how much of the bound f takes without its encoded form.
func (f *Frame) size() int64 {
	return int64(frameOverhead+len(f.etag)+len(f.wire)) + headerSize(f.header)
}

// CacheStats are the figures of the answers that are kept; see [Frame].
type CacheStats struct {
	Entries int64 // now: frames, and ETags of answers that were seen once
	Bytes   int64 // now: what counts for the bound of WithCache

	Hits    uint64 // answers that were taken from a frame
	Unasked uint64 // answers that were taken from a frame without asking; see WithFinishedJobs
	Misses  uint64 // answers of success that had to be read, although frames are kept
	Stored  uint64 // frames that were made
	Evicted uint64 // entries that others took the place of
}

// CacheStats tells the figures at this moment. All are 0 without a cache.
func (c *Client) CacheStats() CacheStats {
	if c.frames == nil {
		return CacheStats{}
	}
	return c.frames.figures()
}
