package upstream

import (
	"maps"
	"net/http"
	"slices"
)

// withheld are the headers that [Call.Forward] cannot send. The client sets them itself;
// or they would make an answer another one than was asked for, or a connection another
// one than we manage; or, as an idempotency key does, they would move [http.Transport] to
// send a write again.
var withheld = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Host", "User-Agent",
		"Authorization", "Cookie", "Dpop", "Job-Token", "Private-Token", "Sudo",
		"Content-Encoding", "Content-Length", "Content-Type", "Expect", "Trailer", "Transfer-Encoding",
		"If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range",
		"Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Upgrade",
		"Idempotency-Key", "X-Idempotency-Key", "X-Http-Method-Override",
	} {
		names[name] = true
	}
	return names
}()

// forwarded are the names of the headers that [Call.Forward] sends, in order; nil if
// there are none. A name that is not canonical is not sent: it might be a withheld one.
func (c *Call) forwarded() []string {
	if c == nil || len(c.Forward) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(c.Forward)), func(name string) bool {
		return withheld[name] || http.CanonicalHeaderKey(name) != name || len(c.Forward[name]) == 0
	})
}
