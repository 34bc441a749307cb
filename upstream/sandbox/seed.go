package sandbox

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// planter builds the seeded world. Equal seeds and base times give equal worlds.
type planter struct {
	w   *world
	rng *rand.Rand
}

func seedWorld(seed uint64, now time.Time) *world {
	b := &planter{rng: rand.New(rand.NewPCG(seed, 0x6a6f6267617465)), w: &world{
		base: now.Truncate(time.Millisecond), projects: map[int64]*project{}, pipelines: map[int64]*pipeline{},
		jobs: map[int64]*job{}, users: map[string]*user{}, tokens: map[string]*token{},
		jobTokens: map[string]*job{}, nextPipe: 2368130017,
	}}
	b.people()
	b.accessTokens()
	b.runners()
	b.places()
	b.mainPipeline()
	b.bridges()
	b.liveJobs()
	b.otherPipelines()
	b.history()
	b.jobTokens()
	return b.w
}

// ago is a moment before the world began.
func (b *planter) ago(d time.Duration) time.Time { return b.w.base.Add(-d) }

func (b *planter) people() {
	for i, u := range []user{
		{username: "root", name: "Administrator", admin: true},
		{username: "ada", name: "Ada Byron", avatar: true},
		{username: "ben", name: "Ben Okafor", avatar: true},
		{username: "cleo", name: "Cleo Martín", privateProfile: true},
		{username: "dan", name: "Dan Weiß"},
		{username: "finn", name: "Finn Åberg"},
		{username: "gus", name: "Gus Lindqvist", dpop: true},
		{username: "hal", name: "Hal Moreau", state: "blocked"},
		{username: "project_1_bot_6f7e8d9c", name: "deploy bot", bot: true},
	} {
		u.id = 4821900 + int64(i)
		u.state = first(u.state, "active")
		u.createdAt = b.ago(time.Duration(900+31*i)*24*time.Hour + 412*time.Millisecond)
		if !u.bot {
			u.email = new("")
		}
		b.w.users[u.username] = &u
	}
}

func (b *planter) accessTokens() {
	add := func(text, username string, t token) {
		t.user = b.w.users[username]
		b.w.tokens[text] = &t
	}
	api := []string{"api"}
	add(TokenMaintainer, "ada", token{scopes: api})
	add(TokenDeveloper, "ben", token{scopes: api})
	add(TokenReporter, "cleo", token{scopes: api})
	add(TokenGuest, "dan", token{scopes: api})
	add(TokenOutsider, "finn", token{scopes: api})
	add(TokenAdmin, "root", token{scopes: []string{"api", "sudo"}})
	add(TokenAdminNoSudo, "root", token{scopes: api})
	add(TokenReadAPI, "ada", token{scopes: []string{"read_api"}})
	add(TokenNoScope, "ada", token{scopes: []string{"read_user"}})
	add(TokenAIWorkflows, "ada", token{scopes: []string{"ai_workflows"}})
	add(TokenGranular, "ada", token{granular: map[string]bool{"read_job": true}})
	add(TokenRevoked, "ada", token{scopes: api, death: revoked})
	add(TokenExpired, "ada", token{scopes: api, death: expired})
	add(TokenImpersonation, "ada", token{scopes: api, death: impersonation})
	add(TokenDPoP, "gus", token{scopes: api})
	add(TokenBlocked, "hal", token{scopes: api})
	add(TokenOAuth, "ben", token{scopes: api, oauth: true})
	add(TokenOAuthExpired, "ben", token{scopes: api, oauth: true, death: expired})
}

// What a dead token is told (contract section 3).
const (
	revoked       = "Token was revoked. You have to re-authorize from the user."
	expired       = "Token is expired. You can either do re-authorization or token refresh."
	impersonation = "Token is an impersonation token but impersonation was disabled."
)

func (b *planter) runners() {
	b.w.runners = []*runner{
		{
			id: 12270852, description: new("3-green.sandbox-linux-small-amd64.example.com"), kind: "instance_type",
			graceful: true, createdAt: b.ago(700 * 24 * time.Hour), manager: &manager{
				id:       90211,
				systemID: "s_6f7e8d9c0b1a", ip: "198.51.100.23", createdAt: b.ago(30 * 24 * time.Hour),
			},
		},
		{
			id: 77, description: new(""), kind: "group_type", paused: true, createdBy: b.w.users["ada"],
			createdAt: b.ago(690 * 24 * time.Hour),
		},
		{
			id: 78, kind: "project_type", graceful: true, createdAt: b.ago(20 * 24 * time.Hour),
			manager: &manager{
				id: 90212, systemID: "r_A1b2C3d4E5f6", ip: "2001:db8::17",
				createdAt: b.ago(19 * 24 * time.Hour),
			},
		},
	}
}

func (b *planter) sha() string {
	return fmt.Sprintf("%016x%016x%08x", b.rng.Uint64(), b.rng.Uint64(), b.rng.Uint32())
}

// newCommit is authored an hour east of Greenwich, so that its dates carry an offset.
func (b *planter) newCommit(title string, at time.Time) *commit {
	const author, email = "Ada Byron", "ada@example.com"
	east := at.Truncate(time.Second).In(time.FixedZone("", 3600))
	signed := author + " <" + email + ">"
	return &commit{
		sha: b.sha(), parent: b.sha(), title: title,
		message: title + "\n\nSigned-off-by: " + signed + "\n", author: author, email: email,
		authored: east.Add(-148 * time.Second), committed: east,
		trailers: [][2]string{{"Signed-off-by", signed}},
	}
}

func (b *planter) newPipeline(id int64, p *project, ref, source string, at time.Time) *pipeline {
	pl := &pipeline{
		id: id, iid: id%1000 + 1, project: p, ref: ref, sha: b.sha(), createdAt: at,
		fixed: "success", source: &source,
	}
	b.w.pipelines[id] = pl
	return pl
}
