package rest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// cutBy is the part of a log that the request for it leads to; none if it begins beyond the end.
func (p logPart) cutBy(log []byte) (part []byte, from int64, none bool) {
	req := new(jobgatev1.ReadTraceRequest)
	p.ask(req)
	size := int64(len(log))
	switch begin := req.GetStart().(type) {
	case *jobgatev1.ReadTraceRequest_Offset:
		from = begin.Offset
	case *jobgatev1.ReadTraceRequest_TailBytes:
		from = max(size-begin.TailBytes, 0)
	}
	if from >= size {
		return nil, 0, true
	}
	end := size
	if req.GetLimit() > 0 && req.GetLimit() < size-from {
		end = from + req.GetLimit()
	}
	return log[from:end], from, false
}

// oneRange is what any server must understand.
var oneRange = regexp.MustCompile(`^bytes=(?:\d{1,18}-\d{0,18}|-0*[1-9]\d{0,8})$`)

// FuzzRange compares with how net/http serves a file of the same bytes.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-9", "bytes=5-", "bytes=-7", "Bytes= 5-5", "bytes=0-1,3-4", "bytes=9-5", "bytes=-0", "bytes=0-9223372036854775807", "bytes=99999999999999999999-", "lines=1-2", "bytes=+1-2", "bytes=00-007", "bytes=20-"} {
		f.Add(seed, uint8(20))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		if size == 0 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			return // of nothing net/http has a part, and the rest comes in no header
		}
		log := make([]byte, size)
		for i := range log {
			log[i] = byte(i)
		}
		part := rangeOf(http.Header{"Range": {text}})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header["Range"] = []string{strings.ToLower(text)}
		w := httptest.NewRecorder()
		http.ServeContent(w, r, "log", time.Time{}, bytes.NewReader(log))
		if !part.ranged {
			if oneRange.MatchString(text) && w.Code == http.StatusPartialContent {
				t.Errorf("%q is not understood", text)
			}
			if part != (logPart{}) {
				t.Errorf("%q is half understood: %+v", text, part)
			}
			return
		}
		if part.offset < 0 || part.limit < 0 || part.last < 0 || part.hasOffset && part.last > 0 || part.cursor != "" || part.follow {
			t.Fatalf("%q: %+v", text, part)
		}
		got, from, none := part.cutBy(log)
		switch {
		case none:
			if w.Code == http.StatusPartialContent {
				t.Errorf("%q of %d has no part, want %v", text, size, w.Body.Bytes())
			}
		case w.Code != http.StatusPartialContent:
			t.Errorf("%q of %d has a part, by net/http: %d", text, size, w.Code)
		case !bytes.Equal(got, w.Body.Bytes()):
			t.Errorf("%q of %d: %v, want %v", text, size, got, w.Body.Bytes())
		default:
			told := part.contentRange(from, int64(len(got)))
			want := w.Header().Get("Content-Range")
			if unknown := fmt.Sprintf("bytes %d-%d/*", from, from+int64(len(got))-1); told != want && told != unknown {
				t.Errorf("%q of %d: Content-Range %s, want %s", text, size, told, want)
			}
		}
	})
}
