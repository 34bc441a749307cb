package main

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// takeStandardLog gives what libraries write to Go's standard log, net/http among them, to
// ours. They quote what GitLab, or what is there in its place, has sent, which may be a log
// or a secret: from the first quotation mark on it is left out.
func takeStandardLog(to *slog.Logger) {
	log.SetFlags(0)
	log.SetOutput(quoteless{to})
}

type quoteless struct{ log *slog.Logger }

// Write implements [io.Writer].
func (q quoteless) Write(p []byte) (int, error) {
	said, _, _ := bytes.Cut(bytes.TrimSpace(p), []byte{'"'})
	q.log.LogAttrs(context.Background(), slog.LevelDebug, "library", slog.String("says", string(said)))
	return len(p), nil
}
