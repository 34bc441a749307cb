package server

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"
)

// ownPrefix is that of metadata which only the gateway itself may write.
const ownPrefix = "jobgate-"

// ownDropped returns the metadata of a call without what claims to be the gateway's own,
// and a context that has no more. What a face has to tell travels in an [inproc.Caller].
func ownDropped(ctx context.Context) (metadata.MD, context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	dropped := false
	for key := range md {
		if strings.HasPrefix(key, ownPrefix) {
			delete(md, key)
			dropped = true
		}
	}
	if dropped {
		ctx = metadata.NewIncomingContext(ctx, md)
	}
	return md, ctx
}

// readMetadata takes the caller's credential, and name for the call, out of the
// metadata. It is the only place that reads a credential of a gRPC caller.
func (c *call) readMetadata(md metadata.MD) error {
	var v violations
	one := func(key string) string {
		values := md[key]
		if len(values) > 1 {
			v.add(key, "must be sent once")
		}
		if len(values) == 0 {
			return ""
		}
		return values[0]
	}
	c.Credential.PrivateToken = one("private-token")
	c.Credential.Authorization = one("authorization")
	c.Credential.JobToken = one("job-token")
	c.Credential.Sudo = one("sudo")
	c.Credential.DPoP = one("dpop")
	if ids := md["x-request-id"]; len(ids) == 1 && printable(ids[0]) {
		c.id = ids[0]
	}
	return v.err()
}

func printable(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// requestID names the call in logs and errors: the caller's `x-request-id`, or one
// that is made when first needed.
func (c *call) requestID() string {
	if c.id == "" {
		c.id = rand.Text()
	}
	return c.Credential.Scrub(c.id)
}

// relayed are the headers of GitLab's answers that a caller can act on, and the
// metadata that they become.
var relayed = []struct{ header, key string }{
	{"X-Request-Id", "x-request-id"},
	{"X-Gitlab-Meta", "x-gitlab-meta"},
	{"Gitlab-Feature-Flag", "gitlab-feature-flag"},
	{"Retry-After", "retry-after"},
	{"Ratelimit-Name", "ratelimit-name"},
	{"Ratelimit-Limit", "ratelimit-limit"},
	{"Ratelimit-Observed", "ratelimit-observed"},
	{"Ratelimit-Remaining", "ratelimit-remaining"},
	{"Ratelimit-Reset", "ratelimit-reset"},
	{"Ratelimit-Resettime", "ratelimit-resettime"},
	{"X-Page", "x-page"},
	{"X-Per-Page", "x-per-page"},
	{"X-Next-Page", "x-next-page"},
	{"X-Prev-Page", "x-prev-page"},
	{"X-Total", "x-total"},
	{"X-Total-Pages", "x-total-pages"},
	{"X-Next-Cursor", "x-next-cursor"},
	{"X-Prev-Cursor", "x-prev-cursor"},
	{"Jobgate-Replayed", "jobgate-replayed"},
}

// maxRelayed is the length of a header value that is passed on; together they stay
// below what clients of other languages accept.
const maxRelayed = 512

// replyHeader makes header metadata of GitLab's answer, nil if nothing of it is
// passed on.
func (c *call) replyHeader() metadata.MD {
	var md metadata.MD
	for _, r := range relayed {
		values := c.Reply.Header[r.header]
		if len(values) == 0 || len(values[0]) > maxRelayed || !headerText(values[0]) {
			continue
		}
		values = values[:1:1]
		if clean := c.Credential.Scrub(values[0]); clean != values[0] {
			values = []string{clean}
		}
		if md == nil {
			md = make(metadata.MD, 4)
		}
		md[r.key] = values
	}
	if q := c.Quota; q != nil {
		if md == nil {
			md = make(metadata.MD, 4)
		}
		md.Set("jobgate-quota-limit", strconv.FormatInt(q.Limit, 10))
		md.Set("jobgate-quota-remaining", strconv.FormatInt(q.Remaining, 10))
		md.Set("jobgate-quota-reset", strconv.FormatInt(max(int64(time.Until(q.Reset)/time.Second), 0), 10))
	}
	return md
}

// headerText says whether gRPC can carry a value: printable ASCII only.
func headerText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
