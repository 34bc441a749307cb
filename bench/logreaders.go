package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// logChecker knows what the log is.
type logChecker struct {
	block []byte
	size  int64
}

// check compares bytes that are said to be at an offset with the log.
func (c *logChecker) check(offset int64, data []byte) error {
	for len(data) > 0 {
		want := c.block[offset%int64(len(c.block)):]
		n := min(len(want), len(data))
		if !bytes.Equal(want[:n], data[:n]) {
			return fmt.Errorf("the log differs after byte %d", offset)
		}
		offset, data = offset+int64(n), data[n:]
	}
	return nil
}

// readTrace reads a log by ReadTrace.
func (c *logChecker) readTrace(ctx context.Context, p *peer, job int64) error {
	request, err := proto.Marshal(&jobgatev1.ReadTraceRequest{Project: strconv.Itoa(logProject), JobId: job})
	if err != nil {
		return err
	}
	stream, err := p.conns[0].NewStream(callerContext(ctx, 0), &grpc.StreamDesc{ServerStreams: true},
		jobgatev1.TraceService_ReadTrace_FullMethodName)
	if err != nil {
		return err
	}
	if err := errors.Join(stream.SendMsg(&frame{data: request}), stream.CloseSend()); err != nil {
		return err
	}
	var got int64
	event := &frame{visit: func(b []byte) error {
		offset, data, ok := traceChunk(b)
		if !ok {
			return nil
		}
		if offset != got {
			return fmt.Errorf("chunk at %d, want %d", offset, got)
		}
		got += int64(len(data))
		return c.check(offset, data)
	}}
	for {
		err := stream.RecvMsg(event)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if got != c.size {
		return fmt.Errorf("%d bytes of log, want %d", got, c.size)
	}
	return nil
}

// traceChunk finds the chunk in a ReadTraceResponse without copying it.
func traceChunk(b []byte) (offset int64, data []byte, ok bool) {
	eachField(b, func(number protowire.Number, value []byte) {
		if number != 1 {
			return
		}
		ok = true
		chunk, _ := protowire.ConsumeBytes(value)
		eachField(chunk, func(number protowire.Number, value []byte) {
			switch number {
			case 1:
				v, _ := protowire.ConsumeVarint(value)
				offset = int64(v)
			case 2:
				data, _ = protowire.ConsumeBytes(value)
			}
		})
	})
	return offset, data, ok
}

// eachField calls visit with the fields of a message, as far as it is one.
func eachField(b []byte, visit func(number protowire.Number, value []byte)) {
	for len(b) > 0 {
		number, typ, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return
		}
		size := protowire.ConsumeFieldValue(number, typ, b[tag:])
		if size < 0 {
			return
		}
		visit(number, b[tag:tag+size])
		b = b[tag+size:]
	}
}

// readHTTP reads a log by GitLab's own route.
func (c *logChecker) readHTTP(ctx context.Context, p *peer, job int64) error {
	return c.readURL(ctx, fmt.Sprintf("http://%s/api/v4/projects/%d/jobs/%d/trace", p.http, logProject, job))
}

// readURL reads a log, or the first bytes of one.
func (c *logChecker) readURL(ctx context.Context, url string) error {
	resp, err := httpGet(ctx, url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var got int64
	buf := make([]byte, 256<<10)
	for {
		n, err := resp.Body.Read(buf)
		if err := c.check(got, buf[:n]); err != nil {
			return err
		}
		got += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if got != c.size {
		return fmt.Errorf("%d bytes of log, want %d", got, c.size)
	}
	return nil
}

// httpGet gets url, which must answer 200.
func httpGet(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		err = errors.New(resp.Status)
	}
	return resp, err
}
