package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes beside 0.
const (
	exitFailure = 1 // it was tried and did not work
	exitUsage   = 2 // it was refused as it stands: flags, settings, arguments

	exitInterrupted = 130 // a signal ended what has no end of its own; as shells have it
	exitBrokenPipe  = 141 // nobody reads on; likewise
)

// cli is the grammar of the command line.
type cli struct {
	Serve       serveCmd       `cmd:"" help:"Run the gateway in front of a GitLab or of the built-in sandbox."`
	Config      configCmd      `cmd:"" help:"Check or print the settings of serve."`
	Sandbox     sandboxCmd     `cmd:"" help:"Run the sandbox alone: a small GitLab that serves the Jobs API."`
	Call        callCmd        `cmd:"" help:"Call one method of a gateway and print the answer."`
	Trace       traceCmd       `cmd:"" help:"Print the log of a job, or follow it until the job has ended."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a gateway whether it serves; for containers and scripts."`
	Version     versionCmd     `cmd:"" help:"Print the version of this binary."`
}

// process is what commands may know of the process that they run in.
type process struct {
	command        string // how to call this binary again
	stdin          io.Reader
	stdout, stderr io.Writer
}

// usageError is a refusal that trying again will not change.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitError ends the program with that code; all that is to be said has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// refused marks err, if any, as a usageError.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// run is the whole program but for its process: args begins with the program's name,
// environ is in the form of os.Environ. It returns the exit code.
func run(
	ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer,
) int {
	p := &process{command: commandName(args[0]), stdin: stdin, stdout: stdout, stderr: stderr}
	err := p.dispatch(ctx, args[1:], newSettings(environ))
	if err == nil {
		return 0
	}
	if code, ok := errors.AsType[exitError](err); ok {
		return int(code)
	}
	complain(stderr, err)
	return exitCode(err)
}

// exitCode is what the program ends with after an error that was told.
func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// complain writes err, the program's name before each line that does not carry on another.
func complain(w io.Writer, err error) {
	for text := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasPrefix(text, " ") {
			text = "jobgate: " + text
		}
		fmt.Fprintln(w, text)
	}
}

// dispatch parses the command line and runs the command on it.
func (p *process) dispatch(ctx context.Context, args []string, s *settings) error {
	helped := false
	parser, err := kong.New(&cli{},
		kong.Name("jobgate"),
		kong.Description(description),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { helped = true }), // kong goes on parsing after --help
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.ValueFormatter(helpFor),
		groups,
		kong.Resolvers(s),
		kong.Bind(s, p),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return fmt.Errorf("command line grammar: %w", err) // a broken build
	}
	nameEnvironment(parser.Model)
	kctx, err := parser.Parse(args)
	if parsing, ok := errors.AsType[*kong.ParseError](err); ok {
		kctx, err = parsing.Context, naming(parsing)
	}
	switch wrong := errors.Join(append(s.errs, err)...); {
	case helped:
		return nil
	case wrong != nil:
		return refused(withHint(wrong, kctx))
	}
	s.noteGiven(kctx)
	s.warnUnknown(p.stderr, kctx.Model)
	return kctx.Run()
}

// naming adds the flag to an error that tells only what is wrong with its value, as the
// parser's does of a --no-… flag.
func naming(err *kong.ParseError) error {
	if err.Context == nil || len(err.Context.Path) == 0 {
		return err
	}
	rest := err.Context.Path[len(err.Context.Path)-1].Remainder()
	if len(rest) == 0 || !strings.HasPrefix(rest[0], "--no-") {
		return err
	}
	flag, _, _ := strings.Cut(rest[0], "=")
	if strings.Contains(err.Error(), flag) {
		return err
	}
	return fmt.Errorf("%s: %w", flag, err)
}

// withHint adds where to read on to an error of the parser.
func withHint(err error, kctx *kong.Context) error {
	path := "jobgate"
	if kctx != nil {
		if node := kctx.Selected(); node != nil {
			path = node.FullPath()
		}
	}
	return fmt.Errorf("%w\nsee %s --help", err, path)
}

// commandName tells how to call the binary again: by its path if it was called by one.
func commandName(arg0 string) string {
	if strings.ContainsRune(arg0, filepath.Separator) {
		return arg0
	}
	return "jobgate"
}
