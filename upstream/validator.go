package upstream

import "net/http"

// Validator names an answer to a request for a log: by its ETag, and by a digest of all that
// was asked, and by whom. It holds no token. The zero Validator names none; of equal ones the
// same has been taken of the same answer.
type Validator struct {
	etag  string // weak or strong
	asked frameKey
	from  int64 // what is before has not been taken
}

// String is the ETag, "" of none.
func (v Validator) String() string { return v.etag }

// Validator names the answer that was read, for [TraceRange] of a later request. It is zero
// until Read has delivered, up to [io.EOF], the end of what GitLab sent, so that whoever has
// it has taken all of the answer from the offset on, and for requests from an earlier offset
// on it is not heeded. It stays zero if the answer has no ETag, as that of a log without a
// byte.
func (t *TraceReader) Validator() Validator {
	if t.same {
		return t.held
	}
	etag := logETag(t.resp.Header)
	if etag == "" || !isEnd(t.err) || t.got != t.length || len(t.ahead) > 0 {
		return Validator{}
	}
	return Validator{etag, t.asked, t.from}
}

// NotModified tells that the answer which the [Validator] of the request names is still the
// answer: GitLab said so, with status 304, and sent no byte of it. Read delivers none, and
// Size and Length tell of none.
//
// What was found out about that answer holds: whether it was the part or the whole log
// depends on what was asked and on its bytes, and both are the same. It is told of the
// bytes only, not that the log did not become another one in between, and back.
func (t *TraceReader) NotModified() bool { return t.same }

// logETag is the ETag of an answer, "" if it is not of use.
func logETag(h http.Header) string {
	if tags := h["Etag"]; len(tags) == 1 && len(tags[0]) <= maxETag && isETag(tags[0]) {
		return tags[0]
	}
	return ""
}
