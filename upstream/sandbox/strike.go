package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"net"
	"net/http"
	"strconv"
	"time"
)

// serveFault answers one request wrongly. Every wait ends with the request's context.
func (s *Sandbox) serveFault(w http.ResponseWriter, r *http.Request, m match, body []byte, f *Fault) {
	if !wait(r.Context(), time.Duration(f.Delay)) {
		return
	}
	out := s.faultyReply(r, m, body, f)
	for name, value := range f.Header {
		out.set(name, value)
	}
	switch f.Kind {
	case HangBeforeHeader:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case HangAfterHeader:
		f.sendPart(w, out)
		<-r.Context().Done()
	case ResetBeforeReply:
		reset(w)
	case ResetMidBody:
		f.sendPart(w, out)
		reset(w)
	case ShortBody: // the server then closes: the promise was not kept
		if f.After > 0 {
			f.sendPart(w, out)
			break
		}
		out.writeHeader(w, len(out.body)+1000)
		_, _ = w.Write(out.body)
	case EndlessBody:
		sendForever(r.Context(), w, out)
	case GzipBomb:
		f.sendBomb(w, out)
	default:
		out.write(w, r)
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// faultyReply computes what is to be sent, in whole or in part.
func (s *Sandbox) faultyReply(r *http.Request, m match, body []byte, f *Fault) *reply {
	if out := s.unhandledReply(r, f); out != nil {
		return out
	}
	if f.Unhandled {
		return textReply(http.StatusOK, []byte("{}"))
	}
	out := s.handle(r, m, body, f)
	switch f.Kind {
	case WrongContentType:
		out.set("Content-Type", "text/html; charset=utf-8")
	case CutJSON:
		out.body = out.body[:f.part(out)]
	case WrongShape:
		out.body = otherShape(out.body)
	default: // the answer itself is right; what goes wrong is how it is sent
	}
	return out
}

// unhandledReply is the answer of a front end that never asks the API; nil for other kinds.
func (s *Sandbox) unhandledReply(r *http.Request, f *Fault) *reply {
	now := s.clock()
	switch f.Kind {
	case StatusFault:
		out := textReply(f.Status, []byte(f.Body))
		if f.Status == 0 {
			out.status = http.StatusInternalServerError
		}
		out.set("Content-Type", guessType(f.Body))
		return out
	case TooManyJSON:
		return tooManyJSON()
	case TooManyText:
		out := throttledReply(throttleHeader(now), now.Add(time.Minute), now)
		if f.NoRetryAfter {
			delete(out.header, "Retry-After")
		}
		return out
	case TooManyHTML:
		return f.tooManyHTML()
	case Redirect:
		out := textReply(http.StatusFound, nil)
		out.set("Location", first(f.Location, "https://elsewhere.example.com"+r.URL.RequestURI()))
		return out
	default:
		return nil
	}
}

func throttleHeader(now time.Time) http.Header {
	h := http.Header{}
	h.Set("RateLimit-Name", "throttle_authenticated_api")
	h.Set("RateLimit-Limit", "2000")
	h.Set("RateLimit-Observed", "2001")
	h.Set("RateLimit-Remaining", "0")
	h.Set("RateLimit-Reset", strconv.FormatInt(now.Add(time.Minute).Unix(), 10))
	return h
}

func (f *Fault) tooManyHTML() *reply {
	page := first(f.Body, "<html><head><title>429 Too Many Requests</title></head>"+
		"<body><h1>429 Too Many Requests</h1></body></html>\n")
	out := textReply(http.StatusTooManyRequests, []byte(page))
	out.set("Content-Type", "text/html")
	if !f.NoRetryAfter {
		out.set("Retry-After", "60")
	}
	return out
}

func guessType(body string) string {
	switch {
	case body == "" || body[0] == '{' || body[0] == '[':
		return "application/json"
	case body[0] == '<':
		return "text/html"
	}
	return "text/plain"
}

// part is how many bytes of a body go out before the fault.
func (f *Fault) part(out *reply) int {
	if f.After > 0 {
		return min(f.After, len(out.body))
	}
	return len(out.body) / 2
}

func (f *Fault) sendPart(w http.ResponseWriter, out *reply) {
	out.writeHeader(w, len(out.body))
	_, _ = w.Write(out.body[:f.part(out)])
	_ = http.NewResponseController(w).Flush()
}

// reset closes the connection without a farewell; where there is no connection to be had, the
// server aborts the answer.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func sendForever(ctx context.Context, w http.ResponseWriter, out *reply) {
	out.writeHeader(w, -1)
	chunk := bytes.Repeat([]byte(" \n"), 16<<10)
	_, err := w.Write(bytes.TrimRight(out.body, "]}"))
	for err == nil && ctx.Err() == nil {
		_, err = w.Write(chunk)
	}
}

const defaultBomb = 64 << 20

// sendBomb sends many gzip members of a megabyte of blanks; readers see one long stream.
func (f *Fault) sendBomb(w http.ResponseWriter, out *reply) {
	const block = 1 << 20
	var member bytes.Buffer
	zip := gzip.NewWriter(&member)
	_, _ = zip.Write(bytes.Repeat([]byte(" "), block)) // a buffer takes everything
	_ = zip.Close()
	size := f.Size
	if size <= 0 {
		size = defaultBomb
	}
	out.set("Content-Encoding", "gzip")
	out.writeHeader(w, -1)
	for sent := int64(0); sent < size; sent += block {
		if _, err := w.Write(member.Bytes()); err != nil {
			return
		}
	}
}

// otherShape wraps an object in an array and turns an array into an object.
func otherShape(body []byte) []byte {
	if bytes.HasPrefix(body, []byte("[")) {
		return append(append([]byte(`{"jobs":`), body...), '}')
	}
	return append(append([]byte("["), body...), ']')
}
