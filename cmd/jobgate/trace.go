package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// traceCmd prints the log of a job. It knows the contract and nothing of the server.
type traceCmd struct {
	Project string `arg:"" help:"Number or full path of the project."`
	Job     int64  `arg:"" help:"Number of the job."`

	Follow      bool          `short:"f" env:"-" help:"Print what comes until the job has ended. A job that has not started is waited for."`
	Tail        *int32        `short:"n" env:"-" xor:"start" placeholder:"LINES" help:"Begin with the last so many lines."`
	Offset      *int64        `env:"-" xor:"start" placeholder:"BYTES" help:"Begin after so many bytes."`
	Cursor      string        `env:"-" xor:"start" placeholder:"CURSOR" help:"Go on where an earlier call ended, as --print-cursor told it. Empty begins at the start."`
	PrintCursor bool          `env:"-" help:"Print, as the last line of standard error, the cursor of where the log was read to."`
	ExitStatus  bool          `env:"-" help:"Exit with 1 if the job did not end well; with --follow."`
	Timeout     time.Duration `env:"-" placeholder:"DURATION" help:"How long it may take in all; 0s, the default, is for ever."`
	gatewayFlags
}

// Help implements kong.HelpProvider.
func (*traceCmd) Help() string {
	return `The bytes of the log go to standard output as the runner wrote them, colours included. All else goes to standard error. A connection that breaks is made again, and the log goes on at the next byte: with --follow for as long as it takes, else for some seconds. If the log was rewritten meanwhile, or lacks bytes, a line of standard error says so.

Examples:

    jobgate trace acme/widgets 101
    jobgate trace --tail 20 acme/widgets 101 | less -R
    jobgate trace --follow acme/widgets 103
    jobgate trace -f --exit-status acme/widgets 103 && echo passed
    cursor=$(jobgate trace --print-cursor acme/widgets 103 2>&1 >job.log | tail -n 1)
    jobgate trace --cursor "$cursor" acme/widgets 103 >>job.log

Exit codes: 0 the log was printed to its end; with --exit-status also that the job succeeded, or was skipped. 1 it could not be read to its end; with --exit-status also that the job failed or was canceled, which a line of standard error tells. 2 refused as asked. 130 stopped by Ctrl-C or SIGTERM; with --follow, standard error then has the cursor to go on from.`
}

// Run prints the log.
func (c *traceCmd) Run(ctx context.Context, p *process, s *settings) error {
	if err := c.check(); err != nil {
		return refused(err)
	}
	calls, conn, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	calls, cancel, err := within(calls, s, c.Timeout)
	if err != nil {
		return err
	}
	defer cancel()
	notes := &traceNotes{p: p, start: c.Cursor}
	log := follow.Log(calls, jobgatev1.NewTraceServiceClient(conn), c.request(), notes.options(c.Follow)...)
	notes.log = log
	_, err = log.WriteTo(p.stdout) //nolint:contextcheck // the log has it
	return c.tellCursor(ctx, p, log.Cursor(), c.outcome(ctx, log.End(), err))
}

// cursorText is what a cursor looks like. Whether it is one only the gateway knows.
var cursorText = regexp.MustCompile(`^[A-Za-z0-9_-]{40,}$`)

// check refuses what cannot be meant, without asking a gateway.
func (c *traceCmd) check() error {
	switch {
	case c.Project == "":
		return errors.New("<project>: must not be empty")
	case c.Job < 1:
		return errors.New("<job>: must be more than 0")
	case c.Tail != nil && *c.Tail < 1:
		return errors.New("--tail: must be more than 0")
	case c.Offset != nil && *c.Offset < 0:
		return errors.New("--offset: must not be negative")
	case c.Cursor != "" && !cursorText.MatchString(c.Cursor):
		return errors.New("--cursor: is none; --print-cursor tells the one to go on from")
	case c.ExitStatus && !c.Follow:
		return errors.New("--exit-status: needs --follow, which waits for the job to end")
	}
	return nil
}

// request is what the flags ask for.
func (c *traceCmd) request() *jobgatev1.ReadTraceRequest {
	req := &jobgatev1.ReadTraceRequest{Project: c.Project, JobId: c.Job, Follow: c.Follow}
	switch {
	case c.Tail != nil:
		req.Start = &jobgatev1.ReadTraceRequest_TailLines{TailLines: *c.Tail}
	case c.Offset != nil:
		req.Start = &jobgatev1.ReadTraceRequest_Offset{Offset: *c.Offset}
	case c.Cursor != "":
		req.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: c.Cursor}
	}
	return req
}

// outcome is what the reading and writing of the log came to.
func (c *traceCmd) outcome(ctx context.Context, end *jobgatev1.TraceEnd, err error) error {
	switch {
	case err == nil:
		return c.result(end)
	case ctx.Err() != nil:
		return exitError(exitInterrupted)
	case errors.Is(err, syscall.EPIPE):
		return exitError(exitBrokenPipe)
	case errors.Is(err, context.DeadlineExceeded):
		return failure(status.FromContextError(err).Err())
	}
	s, ok := status.FromError(err)
	switch {
	case !ok:
		return err
	case s.Code() == codes.InvalidArgument:
		return refused(failure(err))
	default:
		return failure(err)
	}
}

// result is the job's own outcome, to those who asked for it. A job that was skipped
// did not fail: GitLab lets its pipeline succeed.
func (c *traceCmd) result(end *jobgatev1.TraceEnd) error {
	switch end.GetJobStatus() {
	case jobgatev1.JobStatus_JOB_STATUS_SUCCESS, jobgatev1.JobStatus_JOB_STATUS_SKIPPED:
		return nil
	}
	if !c.ExitStatus {
		return nil
	}
	return fmt.Errorf("job %d: %s", c.Job, printable(cmp.Or(end.GetJobStatusWord(), "no word of how it ended")))
}

// tellCursor prints the cursor after all else, if it is wanted, and returns what is left
// to be said of err.
func (c *traceCmd) tellCursor(ctx context.Context, p *process, cursor string, err error) error {
	switch {
	case cursor == "":
	case c.PrintCursor:
		if _, said := errors.AsType[exitError](err); err != nil && !said {
			complain(p.stderr, err)
			err = exitError(exitCode(err))
		}
		fmt.Fprintln(p.stderr, cursor)
	case c.Follow && ctx.Err() != nil:
		fmt.Fprintf(p.stderr, "jobgate: to go on from here: --cursor %s\n", cursor)
	}
	return err
}
