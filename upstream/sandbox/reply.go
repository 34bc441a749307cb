package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// reply is a whole answer, ready to be written or to be spoilt by a fault.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (p *reply) set(name, value string) {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header[http.CanonicalHeaderKey(name)] = []string{value}
}

func jsonReply(status int, value any) *reply {
	out := &reply{status: status, body: encode(value)}
	out.set("Content-Type", "application/json")
	return out
}

func textReply(status int, body []byte) *reply {
	out := &reply{status: status, body: body}
	out.set("Content-Type", "text/plain")
	return out
}

// encode writes JSON in member order without escaping HTML. The values are the package's own
// structs, which always encode.
func encode(value any) []byte {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("sandbox: " + err.Error())
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// finish adds the headers of contract section 6 and turns an unchanged body into a 304.
func (c *call) finish(out *reply) {
	id := c.requestID()
	out.set("X-Frame-Options", "SAMEORIGIN")
	out.set("X-Content-Type-Options", "nosniff")
	out.set("X-Request-Id", id)
	out.set("X-Runtime", fmt.Sprintf("0.%06d", 20000+c.s.serial*37%60000))
	out.set("X-Gitlab-Meta", `{"correlation_id":"`+id+`","version":"1"}`)
	out.set("Vary", "Origin")
	for name, values := range c.throttled {
		if out.header.Get(name) == "" {
			out.header[name] = values
		}
	}
	c.shareAcrossOrigins(out)
	out.set("Cache-Control", "no-cache")
	if out.status != http.StatusOK && out.status != http.StatusCreated || len(out.body) == 0 {
		return
	}
	sum := sha256.Sum256(out.body)
	etag := `W/"` + hex.EncodeToString(sum[:16]) + `"`
	out.set("ETag", etag)
	out.set("Cache-Control", "max-age=0, private, must-revalidate")
	if out.status == http.StatusOK && c.reading() && matchesETag(c.r.Header.Values("If-None-Match"), etag) {
		out.status, out.body = http.StatusNotModified, nil
		delete(out.header, "Content-Type")
	}
}

func (c *call) reading() bool {
	return c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
}

// requestID is unlike any other of this sandbox, and the same in an equal run.
func (c *call) requestID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%d", c.s.seed, c.s.serial))
	return "01" + strings.ToUpper(hex.EncodeToString(sum[:12]))
}

func matchesETag(given []string, etag string) bool {
	opaque := strings.TrimPrefix(etag, "W/")
	for _, line := range given {
		for item := range strings.SplitSeq(line, ",") {
			item = strings.TrimSpace(item)
			if item == "*" || strings.TrimPrefix(item, "W/") == opaque {
				return true
			}
		}
	}
	return false
}

const exposedHeaders = "Link, X-Total, X-Total-Pages, X-Per-Page, X-Page, X-Next-Page, X-Prev-Page, " +
	"X-Gitlab-Blob-Id, X-Gitlab-Commit-Id, X-Gitlab-Content-Sha256, X-Gitlab-Encoding, " +
	"X-Gitlab-File-Name, X-Gitlab-File-Path, X-Gitlab-Last-Commit-Id, X-Gitlab-Ref, X-Gitlab-Size, " +
	"X-Request-Id, ETag"

// shareAcrossOrigins answers CORS: any origin without credentials, the configured host with them.
func (c *call) shareAcrossOrigins(out *reply) {
	origin := c.r.Header.Get("Origin")
	if origin == "" {
		return
	}
	out.set("Access-Control-Allow-Origin", "*")
	if strings.TrimSuffix(c.base, c.s.prefix) == origin {
		out.set("Access-Control-Allow-Origin", origin)
		out.set("Access-Control-Allow-Credentials", "true")
	}
	out.set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	out.set("Access-Control-Expose-Headers", exposedHeaders)
	out.set("Access-Control-Max-Age", "7200")
	if asked := c.r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		out.set("Access-Control-Allow-Headers", asked)
	}
}

func (p *reply) write(w http.ResponseWriter, r *http.Request) {
	p.writeHeader(w, len(p.body))
	if r.Method != http.MethodHead {
		_, _ = w.Write(p.body) // the client may have left; nobody else wants to know
	}
}

// writeHeader announces length bytes of body; a negative length leaves the size open.
func (p *reply) writeHeader(w http.ResponseWriter, length int) {
	maps.Copy(w.Header(), p.header)
	bodyless := p.status == http.StatusNoContent || p.status == http.StatusNotModified
	if length >= 0 && !bodyless {
		w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(p.status)
}
