// Command jobgate is a gRPC gateway in front of GitLab's Jobs API, a small GitLab to
// try it with, and a client for people.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(mainCode()) }

// mainCode is main with its deferred calls done.
func mainCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program where it stands
	return run(ctx, os.Args, os.Environ(), os.Stdin, os.Stdout, os.Stderr)
}
