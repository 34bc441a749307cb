package tracing

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// often is how often the same kind of news is told.
const often = time.Minute

// maxSaid is how much of an error is told.
const maxSaid = 512

// news tells what goes wrong with traces to our log, and not again and again.
type news struct {
	log *slog.Logger

	mu   sync.Mutex
	told time.Time
	more int // that were not told since
}

func newNews(log *slog.Logger) *news { return &news{log: log} }

// Handle implements [otel.ErrorHandler].
func (n *news) Handle(err error) {
	if err == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := time.Now(); n.told.IsZero() || now.Sub(n.told) >= often {
		said := err.Error()
		n.log.LogAttrs(context.Background(), slog.LevelWarn, "traces",
			slog.String("error", said[:min(len(said), maxSaid)]), slog.Int("untold", n.more))
		n.told, n.more = now, 0
		return
	}
	n.more++
}

// logger is for what the library says by itself.
func (n *news) logger() logr.Logger { return logr.New(sink{n.log}) }

// sink tells errors of the library without the values that go with them, which may be
// headers for the collector.
type sink struct{ log *slog.Logger }

// Init implements [logr.LogSink].
func (sink) Init(logr.RuntimeInfo) {}

// Enabled implements [logr.LogSink].
func (sink) Enabled(int) bool { return false }

// Info implements [logr.LogSink].
func (sink) Info(int, string, ...any) {}

// Error implements [logr.LogSink].
func (s sink) Error(_ error, what string, _ ...any) {
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "traces", slog.String("error", what))
}

// WithValues implements [logr.LogSink].
func (s sink) WithValues(...any) logr.LogSink { return s }

// WithName implements [logr.LogSink].
func (s sink) WithName(string) logr.LogSink { return s }
