package live

import (
	"context"
	"errors"
	"sync"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
	"github.com/jobgate/jobgate/upstream"
)

// GitLab is what a Hub asks, on behalf of the [upstream.Call] in the context.
type GitLab interface {
	GetJob(ctx context.Context, req *jobgatev1.GetJobRequest) (*jobgatev1.Job, error)
	Trace(ctx context.Context, project string, jobID int64, part upstream.TraceRange, extra []*jobgatev1.Parameter) (*upstream.TraceReader, error)
	TraceAllowed(ctx context.Context, project string, jobID, held int64) error
}

// Config bounds and paces a Hub.
type Config struct {
	// Recheck is how long GitLab's yes to a credential counts. With 0 nothing is shared:
	// each reader has a log of its own.
	Recheck time.Duration
	// Heartbeat is how often a reader hears that nothing is new.
	Heartbeat time.Duration
}

// Hub holds the logs that are being followed. It is safe for concurrent use.
type Hub struct {
	gitlab GitLab
	pool   *spool.Pool
	cfg    Config

	mu   sync.Mutex
	logs map[int64]*log // by job; only those that are shared
	runs sync.WaitGroup // the goroutines of all logs
}

// NewHub makes a Hub whose logs are kept in pool, which stays the caller's.
func NewHub(gitlab GitLab, pool *spool.Pool, cfg Config) *Hub {
	return &Hub{gitlab: gitlab, pool: pool, cfg: cfg, logs: map[int64]*log{}}
}

// Wait returns when all logs have ended, which they do with their last reader.
func (h *Hub) Wait() { h.runs.Wait() }

// Who asks for a log.
type Who struct {
	Credential upstream.Credential
	Project    string // as it was asked for: GitLab's yes is to that
}

var errNoReader = errors.New("nobody reads the log any more")

// Join makes a reader of the log of a job that begins at the byte from. The caller closes
// it. GitLab is asked for a yes to this credential unless it was just now; its refusal, or
// that it cannot be asked, is the error, an [*upstream.Error].
func (h *Hub) Join(ctx context.Context, who Who, jobID, from int64) (*Reader, error) {
	l, g := h.enter(who, jobID, from)
	r := &Reader{log: l, grant: g, who: who, offset: from}
	r.generation, r.beats = l.now()
	if err := l.permit(ctx, g); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// enter finds or makes the log, and counts the reader in.
func (h *Hub) enter(who Who, jobID, from int64) (*log, *grant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.logs[jobID]; l != nil {
		if g := l.enter(who); g != nil {
			return l, g
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	l := newLog(h, jobID, max(from-overlap, 0), cancel)
	g := l.enter(who)
	if h.cfg.Recheck > 0 {
		h.logs[jobID] = l
	}
	h.runs.Go(func() { l.fetch(ctx) })
	h.runs.Go(func() { l.watch(ctx) })
	return l, g
}

// leave forgets a log without readers.
func (h *Hub) leave(l *log) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.logs[l.job] == l {
		delete(h.logs, l.job)
	}
}
