package main

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// logBlockSize is the period of the generated log.
const logBlockSize = 1 << 20

// logBlock is 1 MiB of what a runner writes: time stamps, colours, sections.
func logBlock() []byte {
	block := make([]byte, 0, logBlockSize+256)
	for i := 0; len(block) < logBlockSize; i++ {
		stamp := fmt.Sprintf("2026-03-04T10:%02d:%02d.%06dZ 00O ", i/3600%60, i/60%60, i*7919%1000000)
		switch i % 40 {
		case 0:
			block = fmt.Appendf(block, "%ssection_start:%d:step_script\r\x1b[0K\x1b[36;1m$ go test ./...\x1b[0;m\n", stamp, 1772619700+i)
		case 39:
			block = fmt.Appendf(block, "%ssection_end:%d:step_script\r\x1b[0K\n", stamp, 1772619700+i)
		case 17:
			block = fmt.Appendf(block, "%s\x1b[0;33mWARNING: retrying download of module %d (attempt 2 of 3)\x1b[0;m\n", stamp, i)
		default:
			block = fmt.Appendf(block, "%sok  \tgithub.com/acme/widgets/internal/pkg%04d\t0.%03ds\tcoverage: %d.%d%% of statements\n", stamp, i, i*37%1000, 50+i%50, i%10)
		}
	}
	return block[:logBlockSize]
}

// respondLog answers the log route: all of it or, as GitLab has it since 19.0,
// the slice that byte_offset and byte_limit ask for.
func (u *fakeUpstream) respondLog(conn net.Conn, method, job, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	from, to := slice(values, u.logSize)
	return u.writeLog(conn, method, job, from, to)
}

// slice is the part of a log of that size that a query asks for.
func slice(query url.Values, size int64) (from, to int64) {
	to = size
	if n, err := strconv.ParseInt(query.Get("byte_offset"), 10, 64); err == nil {
		from = min(n, size)
	}
	if n, err := strconv.ParseInt(query.Get("byte_limit"), 10, 64); err == nil {
		to = min(from+n, size)
	}
	return from, to
}

// writeLog answers a part of a log.
func (u *fakeUpstream) writeLog(conn net.Conn, method, job string, from, to int64) error {
	head := fmt.Sprintf("HTTP/1.1 200 \r\nDate: Wed, 04 Mar 2026 10:25:00 GMT\r\nContent-Type: text/plain\r\n"+
		"Content-Disposition: infile; filename=\"%s.log\"\r\nX-Request-Id: 01JNG9Q0Z6\r\nContent-Length: %d\r\n\r\n", job, to-from)
	if _, err := conn.Write([]byte(head)); err != nil || method == "HEAD" {
		return err
	}
	for from < to {
		part := u.log[from%logBlockSize:]
		part = part[:min(int64(len(part)), to-from)]
		if _, err := conn.Write(part); err != nil {
			return err
		}
		from += int64(len(part))
	}
	return nil
}
