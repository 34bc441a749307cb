package live

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
	"github.com/jobgate/jobgate/upstream"
)

// GitLab is what a Hub asks, on behalf of the [upstream.Call] in the context.
type GitLab interface {
	GetJob(ctx context.Context, req *jobgatev1.GetJobRequest) (*jobgatev1.Job, error)
	Trace(ctx context.Context, project string, jobID int64, part upstream.TraceRange, extra []*jobgatev1.Parameter) (*upstream.TraceReader, error)
	TraceAllowed(ctx context.Context, project string, jobID, held int64) error
	TraceAllowedLoadsAll() bool
}

// Config bounds and paces a Hub.
type Config struct {
	// Recheck is how long GitLab's yes to a credential counts. With 0 nothing is shared:
	// each reader has a log of its own. Of a log of more than 8 MiB, where asking makes
	// GitLab load all of it, it counts longer in proportion, up to ten times.
	Recheck time.Duration
	// Heartbeat is how often a reader hears that nothing is new: 30 seconds by default.
	Heartbeat time.Duration
	// Tracer makes the spans of what is done for all readers of a log; nil makes none.
	Tracer trace.Tracer
	// Panicked, if set, hears of panics in goroutines that are no caller's, on behalf of whom
	// GitLab was asked and with what they panicked. It runs while the stack is still there.
	Panicked func(who upstream.Credential, why any)
}

// Hub holds the logs that are being followed. It is safe for concurrent use.
type Hub struct {
	gitlab GitLab
	pool   *spool.Pool
	cfg    Config
	count  counters

	mu     sync.Mutex
	logs   map[int64]*log  // by job; only those that are shared
	kept   map[int64]*kept // by job; finished ones that nobody reads
	order  []int64         // of those, the one that was left first is first
	closed bool
	runs   sync.WaitGroup // the goroutines of all logs
}

// NewHub makes a Hub whose logs are kept in pool, which stays the caller's.
func NewHub(gitlab GitLab, pool *spool.Pool, cfg Config) *Hub {
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 30 * time.Second
	}
	return &Hub{gitlab: gitlab, pool: pool, cfg: cfg, logs: map[int64]*log{}, kept: map[int64]*kept{}}
}

// Close returns when all logs have ended, which they do with their last reader, and gives
// back what is kept. Nobody may join any more.
func (h *Hub) Close() {
	h.runs.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for len(h.order) > 0 {
		h.forget(h.order[0])
	}
}

// Holds says whether the log of a job is being followed, or kept.
func (h *Hub) Holds(jobID int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logs[jobID] != nil || h.kept[jobID] != nil
}

// Who asks for a log.
type Who struct {
	Credential upstream.Credential
	Project    string // as it was asked for: GitLab's yes is to that
}

// Join makes a reader of the log of a job that begins at the byte from, before which he
// knows what is there, if anything. The caller closes it. GitLab is asked for a yes to this
// credential unless it was just now; its refusal, or that it cannot be asked, is the error,
// an [*upstream.Error].
func (h *Hub) Join(ctx context.Context, who Who, jobID, from int64, before Before) (*Reader, error) {
	r := h.enter(ctx, who, jobID, from)
	r.before = before
	joined := false
	defer func() {
		if !joined { // also after a panic
			r.Close()
		}
	}()
	if err := r.log.permit(ctx, r.grant); err != nil {
		return nil, err
	}
	joined = true
	return r, nil
}

// enter finds or makes the log, and counts the reader in. One who wants more of its head
// than is held gets another log, and so do those who come later: what was read for the
// first ones is read twice, but nothing is read for each.
func (h *Hub) enter(ctx context.Context, who Who, jobID, from int64) *Reader {
	h.mu.Lock()
	defer h.mu.Unlock()
	base := from - overlap
	if l := h.logs[jobID]; l != nil {
		var r *Reader
		if r, base = l.enter(who, from); r != nil {
			l.shares(ctx)
			return r
		}
	}
	ctx, span := h.work(ctx)
	ctx, cancel := context.WithCancel(ctx)
	l := newLog(h, jobID, max(base, 0), cancel)
	l.span = span
	if h.cfg.Recheck > 0 {
		h.takeKept(l)
		h.logs[jobID] = l
	}
	r, _ := l.enter(who, from)
	h.runs.Go(func() {
		defer span.End()
		l.fetch(ctx)
	})
	h.runs.Go(func() { l.watch(ctx) })
	return r
}

// leave forgets a log without readers.
func (h *Hub) leave(l *log) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.logs[l.job] == l {
		delete(h.logs, l.job)
	}
}
