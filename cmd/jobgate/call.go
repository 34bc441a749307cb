package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// callCmd is the built-in client. It knows the contract and nothing of the server.
type callCmd struct {
	Method  string `arg:"" optional:"" help:"Method to call, such as GetJob, JobService/GetJob or jobgate.v1.JobService/GetJob. None lists them."`
	Request string `arg:"" optional:"" name:"json" help:"Request as JSON, field names as in the contract; - reads it from standard input. None is an empty request."`

	Timeout time.Duration `default:"30s" placeholder:"DURATION" help:"How long the call may take; 0s is for ever."`
	gatewayFlags
}

// Help implements kong.HelpProvider.
func (*callCmd) Help() string {
	return `The answer is printed as JSON. For ReadTrace the bytes of the log go to standard output, and each other event as a line of JSON to standard error. A failed call prints code, message and details, and exits with 1; one that Ctrl-C or SIGTERM ends, with 130.

Examples:

    jobgate call GetJob '{"project":"acme/widgets","job_id":101}'
    jobgate call ListProjectJobs '{"project":"7","scope":["JOB_STATUS_FAILED"],"page_size":5}'
    jobgate call ReadTrace '{"project":"acme/widgets","job_id":101,"tail_lines":20}'
    jobgate call GetTokenJob -H "job-token: $CI_JOB_TOKEN"
    echo '{"project":"7","job_id":101}' | jobgate call RetryJob -

Methods:

    ` + strings.Join(methodNames(), "\n    ")
}

// Run makes the call.
func (c *callCmd) Run(ctx context.Context, p *process, s *settings) error {
	if c.Method == "" {
		_, err := fmt.Fprintln(p.stdout, strings.Join(methodNames(), "\n"))
		return err
	}
	err := c.call(ctx, p, s)
	if _, wrong := errors.AsType[usageError](err); err != nil && !wrong && ctx.Err() != nil {
		return exitError(exitInterrupted)
	}
	return err
}

// call is Run for a method.
func (c *callCmd) call(ctx context.Context, p *process, s *settings) error {
	m, err := findMethod(c.Method)
	if err != nil {
		return refused(err)
	}
	request, err := c.request(ctx, m, p.stdin)
	if err != nil {
		return err
	}
	ctx, conn, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	ctx, cancel, err := within(ctx, s, c.Timeout)
	if err != nil {
		return err
	}
	defer cancel()
	return c.invoke(ctx, conn, m, request, p)
}

// request is the argument, or standard input, as a message.
func (c *callCmd) request(ctx context.Context, m method, stdin io.Reader) (proto.Message, error) {
	text := []byte(c.Request)
	if c.Request == "-" {
		var err error
		if text, err = readAll(ctx, stdin); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
	}
	request := m.input.New().Interface()
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		return request, nil
	case text[0] != '{': // not quoted: a slip of the quotes can put a token here
		return nil, refused(errors.New(`the request is not a JSON object, such as '{"project":"7"}'`))
	}
	if err := protojson.Unmarshal(text, request); err != nil {
		return nil, refused(fmt.Errorf("request: %w", err))
	}
	return request, nil
}

// readAll reads what there is unless ctx ends first. The reading then goes on until the
// process ends: nothing can stop it.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(r)
		read <- result{text, err}
	}()
	select {
	case got := <-read:
		return got.text, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// invoke calls m and prints what comes back.
func (*callCmd) invoke(
	ctx context.Context, conn grpc.ClientConnInterface, m method, request proto.Message, p *process,
) error {
	if !m.streaming {
		answer := m.output.New().Interface()
		if err := conn.Invoke(ctx, m.path, request, answer); err != nil {
			return failure(err)
		}
		return printMessage(p.stdout, answer)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, m.path)
	if err != nil {
		return failure(err)
	}
	if err := errors.Join(stream.SendMsg(request), stream.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
		return failure(err) // EOF: the stream is over, and RecvMsg knows why
	}
	for {
		event := m.output.New().Interface()
		switch err := stream.RecvMsg(event); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return failure(err)
		}
		if err := printEvent(p, event); err != nil {
			return err
		}
	}
}
