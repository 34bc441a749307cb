package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/quota"
	"github.com/jobgate/jobgate/upstream/retry"
)

// request is what is asked, ready to be sent.
type request struct {
	op       op
	method   string
	path     string
	raw      string // path escaped; "" if that makes no difference
	query    query
	log      bool // the answer is text
	relayed  bool // it is passed on as it came
	finishes bool // the answer may be a job that is over
	opaque   bool // raw is sent as it is, although it is not escaped as Go would

	body        []byte        // nil for none
	contentType string        // of it, "" for none
	accept      string        // "" is as the kind of answer has it
	span        string        // the bytes to send alone, as header Range; "" for all
	ticket      *quota.Ticket // to send it once, nil for none
	tries       *retry.Call   // nil before it was sent
	sent        int           // how often it was
	route       string        // of a relayed one, without what callers have written; "" if not known
	maxError    int           // bytes of an answer that an error holds; set when it is sent
	validator   string        // the ETag of the answer that is not to be sent again, "" for none

	slotsWaited, quotaWaited time.Duration // for the next attempt
}

func (r *request) isWrite() bool {
	return r.method != http.MethodGet && r.method != http.MethodHead && r.method != http.MethodOptions
}

// invalid completes an error of our own rules.
func (r *request) invalid(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Op, e.Write = r.op.String(), r.isWrite()
	}
	return err
}

// respell puts the caller's own words in the place of ours.
func (r *request) respell(call *Call) {
	if call != nil && call.Spelling != nil {
		r.query, r.body, r.contentType = query(call.Spelling.Query), call.Spelling.Body, call.Spelling.ContentType
	}
}

// json sets a body, nil for none.
func (r *request) json(body []byte) {
	if r.body = body; body != nil {
		r.contentType = acceptJSON[0]
	}
}

// projectRequest is a request for tail, which is escaped, below a project.
func (c *Client) projectRequest(method string, o op, tail string) (*request, error) {
	r := &request{op: o, method: method}
	escaped, err := o.project.escape()
	if err != nil {
		refused := invalid("project", err.Error()[len("project "):])
		refused.Err = err
		return nil, r.invalid(refused)
	}
	r.path = c.base.path + "/projects/" + string(o.project) + tail
	if escaped != string(o.project) {
		r.raw = c.base.path + "/projects/" + escaped + tail
	}
	return r, nil
}

// jobRequest is a request for a job, or for what action does to it.
func (c *Client) jobRequest(method, what, project string, id int64, action string) (*request, error) {
	o := op{what: what, id: id, project: Project(project)}
	return c.projectRequest(method, o, "/jobs/"+strconv.FormatInt(id, 10)+action)
}

// pipelineRequest is a request for a list of a pipeline.
func (c *Client) pipelineRequest(what, project string, id int64, list string) (*request, error) {
	o := op{what: what, id: id, project: Project(project)}
	return c.projectRequest(http.MethodGet, o, "/pipelines/"+strconv.FormatInt(id, 10)+list)
}

// tokenRequest is a request about the job whose token is sent; contract sections
// 7.4 and 7.5.
func (c *Client) tokenRequest(what, tail string, extra []*jobgatev1.Parameter) (*request, error) {
	r := &request{op: op{what: what}, method: http.MethodGet, path: c.base.path + tail}
	return r, r.invalid(r.query.extra(extra))
}

// Header values that never change. Their capacity is their length, so that nobody
// can append to a shared one.
var (
	acceptJSON = []string{"application/json"}
	acceptAny  = []string{"*/*"} // of a log: text/plain would also choose the form of errors
	asItIs     = []string{"identity"}
)

// build makes the HTTP request. It has no GetBody, so that no transport can send a
// body twice.
func (c *Client) build(ctx context.Context, r *request) *http.Request {
	header := make(http.Header, 5)
	header["Accept"] = acceptJSON
	header["Accept-Encoding"] = asItIs
	header["User-Agent"] = c.userAgent
	switch {
	case r.accept != "":
		header["Accept"] = []string{r.accept}
	case r.log:
		header["Accept"] = acceptAny
	}
	req := http.Request{
		Method: r.method,
		URL: &url.URL{
			Scheme: c.base.scheme, Host: c.base.host,
			Path: r.path, RawPath: r.raw, RawQuery: string(r.query),
		},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header,
		Host:   c.base.host,
	}
	if r.validator != "" {
		header["If-None-Match"] = []string{r.validator}
	}
	if r.span != "" {
		header["Range"] = []string{r.span}
	}
	if r.opaque {
		req.URL.Opaque = r.raw
	}
	switch r.contentType {
	case "":
	case acceptJSON[0]:
		header["Content-Type"] = acceptJSON
	default:
		header["Content-Type"] = []string{r.contentType}
	}
	if len(r.body) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
	}
	return req.WithContext(ctx)
}
