package server

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// levelOf is the level at which a call is logged: by its outcome, and if there is an access
// log, at least at info. Health and reflection are no part of that.
func (c *chain) levelOf(call *call, told outcome) slog.Level {
	level := levelOf(told.code)
	if c.access && strings.HasPrefix(call.method, ownServices) {
		level = max(level, slog.LevelInfo)
	}
	return level
}

// record logs a call that has ended.
func (c *chain) record(ctx context.Context, level slog.Level, call *call, told outcome, took time.Duration, err error) {
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("method", call.method),
		slog.String("face", faces[call.face()]),
		slog.String("code", told.code.String()),
		slog.Float64("took_ms", float64(took.Microseconds())/1000),
		slog.Int("upstream_status", call.Reply.Status),
		slog.String("credential", call.Credential.Name()),
		slog.String("caller", call.Caller))
	if told.code != 0 {
		attrs = append(attrs, slog.String("reason", told.reason), slog.String("credential_kind", call.Credential.String()))
	}
	if told.code != 0 || call.id != "" {
		attrs = append(attrs, slog.String("request_id", call.requestID()))
	}
	if id := call.Reply.Header["X-Request-Id"]; len(id) > 0 && isRequestID(id[0]) {
		attrs = append(attrs, slog.String("upstream_request_id", id[0]))
	}
	if call.span != nil {
		attrs = append(attrs, slog.String("trace_id", call.span.SpanContext().TraceID().String()))
	}
	if told.code != 0 && levelOf(told.code) >= slog.LevelWarn && !answered(err) {
		attrs = append(attrs, slog.String("error", cut(call.Credential.Scrub(err.Error()), maxLogged)))
	}
	line := slog.NewRecord(time.Now(), level, "call", 0) // where it is logged is the same for all
	line.AddAttrs(attrs...)
	_ = c.log.Handler().Handle(ctx, line)
}

// isRequestID says whether text has the form of a name that GitLab, or what is before it, gives
// to requests: a ULID, a UUID, or 32 hexadecimal digits. What stands in its place may repeat
// anything that it was sent, tokens too; none of GitLab's has that form.
func isRequestID(text string) bool {
	if len(text) < 26 || len(text) > 36 {
		return false
	}
	return strings.Trim(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" || strings.Trim(text, "0123456789abcdef-") == ""
}
