package upstream

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// frontAnswer is what a front end answers to a request with Range for the bytes of log from
// first up to end.
type frontAnswer func(log string, first, end int) *http.Response

func partial(status int, body string, contentRange ...string) *http.Response {
	resp := answer(status, body)
	resp.Header = http.Header{"Content-Type": {"text/plain"}}
	if contentRange != nil {
		resp.Header["Content-Range"] = contentRange
	}
	return resp
}

// told makes a frontAnswer of the format of a Content-Range, in which first, last, and size
// stand, and of a body of so many wrong bytes more than were asked for.
func told(format string, moreBytes int) frontAnswer {
	return func(log string, first, end int) *http.Response {
		body := strings.Repeat("W", max(end-first+moreBytes, 0))
		text := strings.NewReplacer("first", strconv.Itoa(first), "last", strconv.Itoa(end-1), "next", strconv.Itoa(end),
			"second", strconv.Itoa(first+1), "size", strconv.Itoa(len(log))).Replace(format)
		return partial(http.StatusPartialContent, body, text)
	}
}

func changed(by frontAnswer, change func(*http.Response)) frontAnswer {
	return func(log string, first, end int) *http.Response {
		resp := by(log, first, end)
		change(resp)
		return resp
	}
}

var rightWords = told("bytes first-last/size", 0)

// liars answer with something else than what they were asked for.
var liars = map[string]frontAnswer{
	"another begin":        told("bytes second-last/size", -1),
	"the begin of the log": told("bytes 0-last/size", 0),
	"another end":          told("bytes first-next/size", 1),
	"an end too early":     told("bytes first-first/size", -1<<30),
	"one beyond the log":   told("bytes first-last/first", 0),
	"no size":              told("bytes first-last", 0),
	"a negative place":     told("bytes -first-last/size", 0),
	"backwards":            told("bytes last-first/size", 0),
	"signs":                told("bytes +first-+last/+size", 0),
	"another unit":         told("octets first-last/size", 0),
	"no unit":              told("first-last/size", 0),
	"nothing":              told("", 0),
	"not satisfied":        told("bytes */size", 0),
	"a longer body":        told("bytes first-last/size", 1),
	"a shorter body":       told("bytes first-last/size", -1),
	"no header": func(_ string, first, end int) *http.Response {
		return partial(206, strings.Repeat("W", end-first))
	},
	"two headers": changed(rightWords, func(resp *http.Response) {
		resp.Header["Content-Range"] = append(resp.Header["Content-Range"], "bytes 0-0/1")
	}),
	"no length": changed(rightWords, func(resp *http.Response) { resp.ContentLength = -1 }),
	"several parts": changed(rightWords, func(resp *http.Response) {
		resp.Header.Set("Content-Type", "multipart/byteranges; boundary=x")
	}),
	"a page":       changed(rightWords, func(resp *http.Response) { resp.Header.Set("Content-Type", "text/html") }),
	"a part of br": changed(rightWords, func(resp *http.Response) { resp.Header.Set("Content-Encoding", "br") }),
	"gzip": changed(rightWords, func(resp *http.Response) {
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, _ = io.Copy(z, resp.Body)
		_ = z.Close()
		resp.Header.Set("Content-Encoding", "gzip")
		resp.Body, resp.ContentLength = io.NopCloser(&zipped), int64(zipped.Len())
	}),
	"that the log ends later": func(log string, _, _ int) *http.Response {
		return partial(416, "", fmt.Sprintf("bytes */%d", len(log)+1<<20))
	},
	"that it ends":                  func(string, int, int) *http.Response { return partial(416, "") },
	"that it ends, but not where":   func(string, int, int) *http.Response { return partial(416, "", "bytes */*") },
	"a part that is not one":        func(string, int, int) *http.Response { return partial(416, "", "bytes 0-0/1") },
	"that it ends before and after": func(string, int, int) *http.Response { return partial(416, "", "bytes */1", "bytes */2") },
}

// honest answers with what it was asked for.
func honest(log string, first, end int) *http.Response {
	if first >= end {
		return partial(416, "", fmt.Sprintf("bytes */%d", len(log)))
	}
	return partial(206, log[first:end], fmt.Sprintf("bytes %d-%d/%d", first, end-1, len(log)))
}

// front is a front end in front of an old GitLab with one log.
type front struct {
	log    string
	answer frontAnswer
	asked  []string
}

func (f *front) RoundTrip(req *http.Request) (*http.Response, error) {
	asked := req.Header.Get("Range")
	f.asked = append(f.asked, strings.TrimSpace(req.Method+" "+req.URL.RawQuery+asked))
	var first, last int
	n, _ := fmt.Sscanf(asked, "bytes=%d-%d", &first, &last)
	if f.answer == nil || n == 0 {
		return partial(http.StatusOK, f.log), nil
	}
	end := len(f.log)
	if n == 2 {
		end = min(end, last+1)
	}
	return f.answer(f.log, first, max(end, first)), nil
}
