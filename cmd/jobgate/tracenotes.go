package main

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/status"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// traceNotes tells people what happens to a log besides its bytes.
type traceNotes struct {
	p     *process
	start string // cursor that was asked for
	log   *follow.Follower
	told  bool // of this outage
}

const (
	// firstTries is how often a log is tried of which nothing has come yet: the mistake
	// may be in the flags, and somebody waits.
	firstTries = 5
	// silence is how long nothing may come of a log that is followed: four of the
	// gateway's heartbeats, unless it was told otherwise.
	silence = 2 * time.Minute
)

func (n *traceNotes) options(followed bool) []follow.Option {
	opts := []follow.Option{follow.OnRetry(n.retry), follow.OnReset(n.reset), follow.OnGap(n.gap)}
	if followed {
		opts = append(opts, follow.StaleAfter(silence))
	}
	return opts
}

// retry tells of an outage once, when it is one to notice.
func (n *traceNotes) retry(r follow.Retry) error {
	if n.log.Cursor() == n.start && r.Tries >= firstTries {
		return r.Err
	}
	if r.Tries == 1 {
		n.told = false
	}
	if !n.told && r.Wait >= time.Second {
		n.told = true
		n.tellf("the log broke off, trying again: %s", reason(r.Err))
	}
	return nil
}

func (n *traceNotes) reset(r *jobgatev1.TraceReset) {
	why := strings.ToLower(strings.TrimPrefix(r.GetReason().String(), "TRACE_RESET_REASON_"))
	n.tellf("the log has changed (%s), it goes on at byte %d", why, r.GetOffset())
}

func (n *traceNotes) gap(g *jobgatev1.TraceGap) {
	n.tellf("GitLab no longer has the bytes from %d to before %d", g.GetOffset(), g.GetNextOffset())
}

func (n *traceNotes) tellf(format string, args ...any) {
	fmt.Fprintf(n.p.stderr, "jobgate: "+format+"\n", args...)
}

// reason is a failure in one line.
func reason(err error) string {
	if s, ok := status.FromError(err); ok {
		message, _, _ := strings.Cut(printable(s.Message()), "\n")
		return codeName(s.Code()) + ": " + message
	}
	return err.Error()
}
