package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// identity is who asks. The zero value is nobody: an anonymous call.
type identity struct {
	user  *user
	token *token // access or OAuth token
	job   *job   // job of a CI job token
}

const (
	maxJobToken   = 8192 // bytes; longer ones are refused
	sessionCookie = "_gitlab_session"
)

// credentials are all places of contract section 2, in no order.
type credentials struct {
	bearer                    string
	privateParam, privateHead string
	oauthParam                string
	jobToken                  string
	session, csrf             string
}

func (c *call) credentials() credentials {
	h := c.r.Header
	creds := credentials{
		privateParam: c.text("private_token"),
		privateHead:  h.Get("Private-Token"),
		oauthParam:   first(c.text("access_token"), c.text("bearer_token")),
		jobToken:     first(c.text("job_token"), c.text("token"), h.Get("Job-Token")),
		csrf:         h.Get("X-Csrf-Token"),
	}
	if kind, value, _ := strings.Cut(h.Get("Authorization"), " "); strings.EqualFold(kind, "Bearer") {
		creds.bearer = strings.TrimSpace(value)
	}
	if cookie, err := c.r.Cookie(sessionCookie); err == nil {
		creds.session = cookie.Value
	}
	return creds
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// authenticate finds out who asks, in GitLab's order: job token as Bearer, access token, job token
// elsewhere, session. Routes that authenticate up front refuse nobody's calls.
func (c *call) authenticate() *reply {
	who, fail := c.identify(c.credentials())
	if fail != nil {
		return fail
	}
	c.who = who
	if fail := c.accountState(); fail != nil {
		return fail
	}
	if fail := c.checkScopes(); fail != nil {
		return fail
	}
	if fail := c.sudo(); fail != nil {
		return fail
	}
	if c.who.user == nil && c.match.route.upfront {
		return unauthorized()
	}
	return nil
}

func (c *call) takesJobToken() bool {
	rt := c.match.route
	return rt.jobToken && (!c.s.old || rt.name != RouteProjectJobs)
}

func (c *call) identify(creds credentials) (identity, *reply) {
	if c.takesJobToken() && creds.bearer != "" {
		if who, ok := c.byJobToken(creds.bearer); ok {
			return who, nil
		}
	}
	if text := first(creds.privateParam, creds.privateHead, creds.bearer, creds.oauthParam); text != "" {
		t := c.w.tokens[text]
		if t == nil || t.oauth && text != creds.bearer && text != creds.oauthParam {
			return identity{}, unauthorized()
		}
		if t.death != "" {
			return identity{}, deadToken("invalid_token", t.death)
		}
		return identity{user: t.user, token: t}, nil
	}
	if creds.jobToken != "" {
		who, ok := c.byJobToken(creds.jobToken)
		if !ok || !c.takesJobToken() {
			return identity{}, unauthorized()
		}
		return who, nil
	}
	if creds.session == Session && (c.reading() || creds.csrf == CSRFToken) {
		return identity{user: c.w.users["root"]}, nil
	}
	return identity{}, nil
}

// byJobToken accepts the token of a job that runs now.
func (c *call) byJobToken(text string) (identity, bool) {
	if len(text) > maxJobToken {
		return identity{}, false
	}
	j := c.w.jobTokens[text]
	if j == nil || j.user == nil || j.status(c.now) != "running" {
		return identity{}, false
	}
	return identity{user: j.user, job: j}, true
}

// accountState refuses blocked accounts, and access tokens without proof of possession where the
// account demands it.
func (c *call) accountState() *reply {
	u := c.who.user
	if u == nil {
		return nil
	}
	if u.state == "blocked" {
		return forbidden("Your account has been blocked.")
	}
	if !u.dpop || c.who.token == nil || c.s.old {
		return nil
	}
	switch proof := c.r.Header.Get("Dpop"); {
	case proof == "":
		return deadDPoP("DPoP header is missing")
	case strings.Count(proof, ".") != 2:
		return deadDPoP("Malformed JWT, unable to decode. Not enough or too many segments")
	}
	return nil
}

func deadDPoP(reason string) *reply {
	return jsonReply(http.StatusUnauthorized, tokenErrorBody{
		Error: "dpop_error", Description: "DPoP validation error: " + reason,
	})
}

// checkScopes compares an access token's scopes with those of the route.
func (c *call) checkScopes() *reply {
	t := c.who.token
	if t == nil {
		return nil
	}
	if t.granular != nil {
		if permission := c.match.route.granular; permission != "" && !t.granular[permission] {
			return insufficientGranularScope(permission)
		}
		return nil
	}
	accepted := []string{"api"}
	if c.reading() {
		accepted = []string{"api", "read_api", "ai_workflows"}
	}
	if !slices.ContainsFunc(t.scopes, func(s string) bool { return slices.Contains(accepted, s) }) {
		return insufficientScope(strings.Join(accepted, " "))
	}
	return nil
}

// sudo lets an administrator act as somebody else.
func (c *call) sudo() *reply {
	name := first(c.text("sudo"), c.r.Header.Get("Sudo"))
	switch {
	case name == "":
		return nil
	case c.who.user == nil:
		return unauthorized()
	case !c.who.user.admin:
		return forbidden("Must be admin to use sudo")
	case c.who.token == nil:
		return forbidden("Must be authenticated using an OAuth or personal access token to use sudo")
	case !slices.Contains(c.who.token.scopes, "sudo"):
		return insufficientScope("sudo")
	}
	target := c.w.userByName(name)
	if target == nil {
		return notFound("User with ID or username '" + name + "'")
	}
	c.who.user = target
	return nil
}

func (w *world) userByName(name string) *user {
	id, numeric := toInt(name)
	for _, u := range w.users {
		if numeric && u.id == id || strings.EqualFold(u.username, name) {
			return u
		}
	}
	return nil
}
