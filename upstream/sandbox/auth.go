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
	maxJobToken    = 8192 // bytes; longer ones are refused
	jobTokenPrefix = "glcbt-"
	sessionCookie  = "_gitlab_session"
)

// credentials are all places of contract section 2, the first of equal ones.
type credentials struct {
	privateParam, privateHead string
	oauth                     string // access_token, then Bearer, then bearer_token
	jobToken                  string
	session, csrf             string
}

func (c *call) credentials() credentials {
	bearer := ""
	if kind, value, _ := strings.Cut(c.field("Authorization"), " "); strings.EqualFold(kind, "Bearer") {
		bearer = strings.TrimSpace(value)
	}
	creds := credentials{
		privateParam: c.text("private_token"),
		privateHead:  c.field("Private-Token"),
		oauth:        first(c.text("access_token"), bearer, c.text("bearer_token")),
		jobToken:     first(c.text("job_token"), c.text("token"), c.field("Job-Token")),
		csrf:         c.field("X-Csrf-Token"),
	}
	if cookie, err := c.r.Cookie(sessionCookie); err == nil {
		creds.session = cookie.Value
	}
	return creds
}

// field returns a header field; of one that was sent twice, both values in one.
func (c *call) field(name string) string { return strings.Join(c.r.Header.Values(name), ", ") }

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
	return rt != nil && rt.jobToken && (!c.s.old || rt.name != RouteProjectJobs)
}

// choose picks the credential that GitLab goes by. A Bearer that is a running job's token or an
// OAuth token comes before access tokens elsewhere; a job token is never tried as an access token.
func (c *call) choose(creds credentials) (CredentialKind, string) {
	if _, ok := c.byJobToken(creds.oauth); ok && c.takesJobToken() {
		return KindJobToken, creds.oauth
	}
	if t := c.w.tokens[creds.oauth]; t != nil && t.oauth {
		return KindBearer, creds.oauth
	}
	text := first(creds.privateParam, creds.privateHead, creds.oauth)
	switch {
	case text != "" && !strings.HasPrefix(text, jobTokenPrefix):
		return KindAccessToken, text
	case creds.jobToken != "" && c.takesJobToken():
		return KindJobToken, creds.jobToken
	case creds.session != "" && (c.reading() || creds.csrf == CSRFToken):
		return KindSession, creds.session
	}
	return KindNone, ""
}

func (c *call) identify(creds credentials) (identity, *reply) {
	switch kind, text := c.choose(creds); kind {
	case KindJobToken:
		who, ok := c.byJobToken(text)
		if !ok {
			return identity{}, unauthorized()
		}
		return who, nil
	case KindBearer, KindAccessToken:
		t := c.w.tokens[text]
		switch {
		case t == nil || t.oauth && kind != KindBearer:
			return identity{}, unauthorized()
		case t.death != "":
			return identity{}, deadToken("invalid_token", t.death)
		}
		return identity{user: t.user, token: t}, nil
	case KindSession:
		if text == Session {
			return identity{user: c.w.users["root"]}, nil
		}
	case KindNone:
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
	switch proof := c.field("Dpop"); {
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

func (c *call) sudoName() string { return first(c.text("sudo"), c.field("Sudo")) }

// sudo lets an administrator act as somebody else.
func (c *call) sudo() *reply {
	name := c.sudoName()
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
