package isolation

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// How much there is of everything.
const (
	users     = 5
	tokens    = 8
	projects  = 3
	perProj   = 4
	jobs      = projects * perProj
	firstJob  = 1000
	firstPipe = 500
	firstBrg  = 2000 // trigger jobs, one of each project

	adminToken = 6 // may act as others
	dpopToken  = 7 // wants a proof of possession
)

// Roles in a project.
const (
	nothing = iota
	guest
	reporter  // reads jobs and logs
	developer // writes, and reads the logs of jobs that are being debugged
)

// rights are all that GitLab decides by, at one time.
type rights struct {
	role   [users][projects]uint8
	dead   [tokens]bool
	sudo   bool // the admin's token may act as others
	public [projects]bool
	debug  [jobs]bool
}

// change is one thing that happens to rights.
func (r *rights) change(rand *rand.Rand) {
	switch n := rand.IntN(20); {
	case n < 12:
		r.role[rand.IntN(users)][rand.IntN(projects)] = anyRole(rand)
	case n < 15:
		dead := rand.IntN(tokens) // and others live again
		for range 5 {
			r.dead[rand.IntN(tokens)] = false
		}
		r.dead[dead] = true
	case n < 16:
		r.sudo = !r.sudo
	case n < 18:
		p := rand.IntN(projects)
		r.public[p] = !r.public[p]
	default:
		j := rand.IntN(jobs)
		r.debug[j] = !r.debug[j]
	}
}

func anyRole(rand *rand.Rand) uint8 {
	return []uint8{nothing, guest, reporter, reporter, developer, developer}[rand.IntN(6)]
}

// userOf is whose a token is.
func userOf(token int) int { return token % users }

func tokenText(n int) string { return fmt.Sprintf("glpat-secret-%d-of-user-%d", n, userOf(n)) }

// tokenOf is the number of a token, -1 of none that GitLab knows.
func tokenOf(text string) int {
	for n := range tokens {
		if tokenText(n) == text {
			return n
		}
	}
	return -1
}

// ident is a credential as GitLab is shown it, all of it. Equal ones are one caller.
type ident struct{ private, bearer, job, sudo, dpop string }

// sansProof is an ident but for the proof of possession.
func (i ident) sansProof() ident {
	i.dpop = ""
	return i
}

func (i ident) String() string {
	return fmt.Sprintf("private=%q bearer=%q job=%q sudo=%q dpop=%q", i.private, i.bearer, i.job, i.sudo, i.dpop)
}

// identOf reads a credential where GitLab does.
func identOf(h http.Header, q url.Values) (i ident) {
	first := func(texts ...string) string {
		for _, text := range texts {
			if text != "" {
				return text
			}
		}
		return ""
	}
	_, bearer, _ := strings.Cut(h.Get("Authorization"), " ")
	i.private = first(q.Get("private_token"), h.Get("Private-Token"))
	i.bearer = first(q.Get("access_token"), bearer, q.Get("bearer_token"))
	i.job = first(q.Get("job_token"), q.Get("token"), h.Get("Job-Token"))
	i.sudo = first(q.Get("sudo"), h.Get("Sudo"))
	i.dpop = h.Get("Dpop")
	return i
}

// Kinds of what is asked for.
type kind int

const (
	readJob kind = iota
	readList
	readLog
	writeJob
	readToken // GET /job and /job/allowed_agents
)

// may is GitLab's decision: 200, or the status of its refusal.
func (r *rights) may(who ident, what kind, project, job int) int {
	user := -1
	if text := who.private + who.bearer + who.job; text != "" {
		for _, text := range []string{who.bearer, who.private, who.job} { // the first that is there
			if text == "" {
				continue
			}
			n := tokenOf(text)
			switch {
			case n < 0 || r.dead[n]:
				return http.StatusUnauthorized
			case n == dpopToken && !strings.HasPrefix(who.dpop, "good"):
				return http.StatusUnauthorized
			case who.sudo != "" && (n != adminToken || !r.sudo):
				return http.StatusForbidden
			}
			user = userOf(n)
			break
		}
	}
	if who.sudo != "" {
		if user < 0 {
			return http.StatusUnauthorized
		}
		if _, err := fmt.Sscanf(who.sudo, "user-%d", &user); err != nil || user >= users {
			return http.StatusNotFound
		}
	}
	if what == readToken {
		if user < 0 {
			return http.StatusUnauthorized
		}
		return http.StatusOK
	}
	role := uint8(nothing)
	if user >= 0 {
		role = r.role[user][project]
	}
	switch {
	case role == nothing && !r.public[project]:
		return http.StatusNotFound
	case what == writeJob && role < developer,
		what == readLog && r.debug[job] && role < developer,
		role < reporter && !r.public[project]:
		return http.StatusForbidden
	}
	return http.StatusOK
}

// history is what rights there were.
type history struct {
	now  rights
	past []era
}

// era is the rights up to a time.
type era struct {
	rights

	until time.Time
}

// memory is how long what was is remembered.
const memory = 2 * time.Minute

// change changes the rights from now on.
func (h *history) change(change func(*rights)) {
	now := time.Now()
	h.past = append(h.past, era{h.now, now})
	for len(h.past) > 0 && now.Sub(h.past[0].until) > memory {
		h.past = h.past[1:]
	}
	change(&h.now)
}

// might says whether GitLab would have said yes at some time within the last while.
func (h *history) might(who ident, what kind, project, job int, within time.Duration) bool {
	if h.now.may(who, what, project, job) == http.StatusOK {
		return true
	}
	since := time.Now().Add(-within)
	for i := len(h.past) - 1; i >= 0 && !h.past[i].until.Before(since); i-- {
		if h.past[i].may(who, what, project, job) == http.StatusOK {
			return true
		}
	}
	return false
}
