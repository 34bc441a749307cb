package sandbox

import (
	"maps"
	"net/http"
	"time"
)

// call is one request on its way through the sandbox.
type call struct {
	s     *Sandbox
	w     *world
	r     *http.Request
	now   time.Time
	base  string // external URL
	view  *view
	fault *Fault // a fault that changes what a handler does, or nil

	match     match
	params    map[string]any // query, form, JSON and path parameters, merged; typed once checked
	who       identity
	throttled http.Header // RateLimit-* of the general throttle, when it is on
}

// answer runs a request through GitLab's layers, from the outside in.
func (c *call) answer(body []byte) *reply {
	if malformedRequest(c.r) {
		return malformed()
	}
	if c.match.gone {
		return grapeError(http.StatusGone, "API V3 is no longer supported. Use API V4 instead.")
	}
	params, fail := parameters(c.r.Method, c.r.Header, c.r.URL.RawQuery, body)
	if fail != nil {
		return fail
	}
	c.params = params
	if fail := c.throttle(); fail != nil {
		return fail
	}
	if fail := c.dispatchable(); fail != nil {
		return fail
	}
	maps.Copy(c.params, c.match.path)
	rt := c.match.route
	if rt.upfront {
		if fail := c.authenticate(); fail != nil {
			return fail
		}
	}
	if fail := c.check(rt.checks); fail != nil {
		return fail
	}
	if !rt.upfront {
		if fail := c.authenticate(); fail != nil {
			return fail
		}
	}
	return rt.handle(c)
}

// dispatchable answers what never reaches an endpoint: unknown routes, OPTIONS, wrong methods.
func (c *call) dispatchable() *reply {
	switch {
	case len(c.match.allow) == 0 || c.s.old && c.match.name == RouteTriggerJobs:
		return grapeError(http.StatusNotFound, "404 Not Found")
	case c.r.Method == http.MethodOptions:
		out := &reply{status: http.StatusNoContent}
		out.set("Allow", c.match.allowText())
		return out
	case c.match.route == nil:
		out := grapeError(http.StatusMethodNotAllowed, "405 Not Allowed")
		out.set("Allow", c.match.allowText())
		return out
	}
	return nil
}
