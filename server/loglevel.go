package server

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// logLevels are the levels that can be set, as the flag spells them.
var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// logLevel tells the level of the log, and sets it while the gateway serves.
func logLevel(mux *http.ServeMux, level *slog.LevelVar, log *slog.Logger) {
	if level == nil {
		return
	}
	mux.HandleFunc("GET /log/level", func(w http.ResponseWriter, _ *http.Request) { tellLevel(w, level) })
	mux.HandleFunc("PUT /log/level", func(w http.ResponseWriter, r *http.Request) {
		word, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64))
		to, ok := logLevels[strings.TrimSpace(string(word))]
		if err != nil || !ok {
			http.Error(w, "must be one of debug, info, warn, error", http.StatusBadRequest)
			return
		}
		if from := level.Level(); from != to {
			level.Set(min(from, to)) // so that it is written if either lets it be
			log.LogAttrs(r.Context(), slog.LevelInfo, "log level set", slog.String("from", levelName(from)), slog.String("to", levelName(to)))
			level.Set(to)
		}
		tellLevel(w, level)
	})
}

func tellLevel(w http.ResponseWriter, level *slog.LevelVar) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, levelName(level.Level())+"\n")
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }
