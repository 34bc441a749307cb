package parity

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// answer is what a caller gets.
type answer struct {
	status int
	header http.Header
	body   []byte
	broken error // why there is no answer, or no end of it
}

// patience bounds a call, for a test that would otherwise hang.
const patience = 30 * time.Second

// send writes a request as it is, and reads the answer. No client stands between that would tidy
// up the target, add header fields or follow a redirect.
func send(at place, one call) answer {
	conn, err := net.DialTimeout(at.network, at.addr, patience)
	if err != nil {
		return answer{broken: err}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	// A server that refuses a request may stop reading it: what counts is what it answers.
	_, _ = io.WriteString(conn, text(at.host, one))
	request := &http.Request{Method: one.method}
	reader := bufio.NewReader(conn)
	for {
		response, err := http.ReadResponse(reader, request)
		if err != nil {
			return answer{broken: err}
		}
		if response.StatusCode < 200 {
			continue // 100 Continue
		}
		body, err := io.ReadAll(response.Body)
		return answer{response.StatusCode, response.Header, body, err}
	}
}

// text is a request on the wire.
func text(host string, one call) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", one.method, one.target, host)
	framed := false
	for _, field := range one.header {
		fmt.Fprintf(&b, "%s: %s\r\n", field[0], field[1])
		framed = framed || strings.EqualFold(field[0], "Transfer-Encoding")
	}
	if one.body != "" && !framed || one.method == http.MethodPost && !framed {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(one.body))
	}
	return b.String() + "\r\n" + one.body
}

// chunked is a body whose length is not told beforehand.
func chunked(kind, body string) change {
	return func(one *call) {
		sending(kind, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body))(one)
		header("Transfer-Encoding", "chunked")(one)
	}
}

// filled puts what the answer before said into the next call.
func filled(one call, before answer, base string) call {
	fill := strings.NewReplacer(
		"{etag}", before.header.Get("ETag"),
		"{cursor}", before.header.Get("X-Next-Cursor"),
		"{prev-cursor}", before.header.Get("X-Prev-Cursor"),
		"{next}", strings.TrimPrefix(nextLink(before.header.Get("Link")), base),
	)
	one.target = fill.Replace(one.target)
	fields := make([][2]string, len(one.header))
	for i, field := range one.header {
		fields[i] = [2]string{field[0], fill.Replace(field[1])}
	}
	one.header = fields
	return one
}

// nextLink is the URL of rel="next", "" without one.
func nextLink(header string) string {
	for link := range strings.SplitSeq(header, ", ") {
		if url, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
			return strings.TrimPrefix(url, "<")
		}
	}
	return ""
}
