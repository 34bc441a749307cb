package certs

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Reloader is something that was loaded from files and can be loaded again: TLS of this
// package, or a file of tokens or rules elsewhere.
//
// Two more methods are optional. Files() []string names the files, links included, so that
// Watch need not call Reload while they look the same; without it, Reload is called at
// every look. [slog.LogValuer] tells what is in use for the log; without it, Watch names
// the type only.
type Reloader interface {
	// Reload loads again. It says whether that changed what is in use; with an error,
	// whose words should be the same as long as the cause is, nothing has changed.
	Reload() (changed bool, err error)
}

// maxTold is how many distinct failures are remembered, so as not to tell them again.
const maxTold = 32

// Watch looks at the files of all, at once and then at each interval, and reloads what
// has changed, until ctx ends. With an interval of 0 or less it returns at once.
//
// What was reloaded is logged. A failure is tried again at every look, since its cause may
// end without a change. It is logged from its second look on, once for as long as
// something fails: at the first one, files may be only half replaced.
func Watch(ctx context.Context, interval time.Duration, log *slog.Logger, all ...Reloader) {
	if interval <= 0 {
		return
	}
	watched := make([]*watch, len(all))
	for i, r := range all {
		watched[i] = &watch{Reloader: r, log: log, told: make(map[string]bool)}
	}
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for ctx.Err() == nil {
		for _, w := range watched {
			w.look(ctx)
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
}

// watch is one Reloader that is watched.
type watch struct {
	Reloader

	log      *slog.Logger
	seen     sight           // how the files looked before they were last read
	settled  bool            // seen would tell a later change
	failures int             // without a success between them
	told     map[string]bool // failures that were logged since the last success
}

// look reloads if there may be something new.
func (w *watch) look(ctx context.Context) {
	if f, ok := w.Reloader.(interface{ Files() []string }); ok {
		now := look(f.Files())
		if w.seen != nil && w.settled && w.failures == 0 && now.same(w.seen) {
			return
		}
		w.seen, w.settled = now, now.settled(time.Now())
	}
	changed, err := w.Reload()
	if err != nil {
		w.fails(ctx, err)
		return
	}
	switch {
	case changed:
		w.log.LogAttrs(ctx, slog.LevelInfo, "files reloaded", w.about())
	case len(w.told) > 0:
		w.log.LogAttrs(ctx, slog.LevelInfo, "files are good again", w.about())
	}
	w.failures = 0
	clear(w.told)
}

// fails logs err, unless it may be passing or is known.
func (w *watch) fails(ctx context.Context, err error) {
	w.failures++
	text := err.Error()
	if w.failures < 2 || w.told[text] {
		return
	}
	if len(w.told) == maxTold {
		clear(w.told)
	}
	w.told[text] = true
	w.log.LogAttrs(ctx, slog.LevelError, "files are not reloaded, what was loaded stays in use",
		slog.String("error", text), w.about())
}

// about tells what is in use.
func (w *watch) about() slog.Attr {
	if value, ok := w.Reloader.(slog.LogValuer); ok {
		return slog.Any("in_use", value)
	}
	return slog.String("in_use", fmt.Sprintf("%T", w.Reloader))
}
