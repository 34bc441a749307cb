package sandbox

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Roles, as GitLab numbers them.
const (
	roleNone       = 0
	roleGuest      = 10
	roleReporter   = 20
	roleDeveloper  = 30
	roleMaintainer = 40
	roleOwner      = 50
)

type visibility int

const (
	private visibility = iota
	internal
	public
)

type user struct {
	id             int64
	username, name string
	state          string
	admin, bot     bool
	dpop           bool // the account demands DPoP
	privateProfile bool
	avatar         bool
	email          *string
	createdAt      time.Time
}

type token struct {
	user     *user
	scopes   []string
	oauth    bool
	death    string          // error_description of a dead token
	granular map[string]bool // permissions of a fine-grained token; nil for others
}

type group struct {
	id      int64
	path    string
	parent  *group
	members map[int64]int
}

func (g *group) ids() []int64 {
	ids := []int64{}
	for ; g != nil; g = g.parent {
		ids = append(ids, g.id)
	}
	return ids
}

type project struct {
	id              int64
	path, oldPath   string
	display         string // name_with_namespace
	description     *string
	group           *group
	visibility      visibility
	publicPipelines bool
	buildsHidden    bool // read_pipeline for all, read_build for Reporters
	statsRefresh    bool
	tokenScope      bool // ci_job_token_scope_enabled
	variableRole    int  // who may set pipeline variables
	pushRole        map[string]int
	members         map[int64]int
	allow           map[int64][]string // job-token allowlist: source project, its policies (nil: all)
	agents          []*agent
	createdAt       time.Time
}

func (p *project) name() string { return p.path[strings.LastIndexByte(p.path, '/')+1:] }

func (p *project) role(u *user) int {
	if u == nil {
		return roleNone
	}
	if u.admin {
		return roleOwner
	}
	role := p.members[u.id]
	for g := p.group; g != nil; g = g.parent {
		role = max(role, g.members[u.id])
	}
	return role
}

type agent struct {
	id            int64
	config        *project
	configuration map[string]any
	environments  []string // none: all
	protectedOnly bool
}

type commit struct {
	sha, parent    string
	title, message string
	author, email  string
	authored       time.Time
	committed      time.Time
	trailers       [][2]string
}

type pipeline struct {
	id, iid   int64
	project   *project
	sha, ref  string
	tag       bool
	fixed     string // status of a pipeline without jobs
	source    *string
	createdAt time.Time
	jobs      []*job
}

type runner struct {
	id          int64
	description *string
	kind        string
	paused      bool
	graceful    bool
	createdBy   *user
	createdAt   time.Time
	manager     *manager
}

type manager struct {
	id        int64
	systemID  string
	ip        string
	createdAt time.Time
}

// world is everything the sandbox knows. Its owner guards it with one lock.
type world struct {
	base      time.Time
	projects  map[int64]*project
	pipelines map[int64]*pipeline
	jobs      map[int64]*job
	users     map[string]*user
	tokens    map[string]*token
	jobTokens map[string]*job
	runners   []*runner
	nextJob   int64
	nextPipe  int64
}

// projectByPath finds a project by its path, or by the path it had before, without regard to case.
func (w *world) projectByPath(path string) *project {
	for _, p := range w.projects {
		if strings.EqualFold(p.path, path) || p.oldPath != "" && strings.EqualFold(p.oldPath, path) {
			return p
		}
	}
	return nil
}

// projectJobs returns the builds of p, newest id first.
func (w *world) projectJobs(p *project) []*job {
	var out []*job
	for _, j := range w.jobs {
		if j.pipeline.project == p && !j.bridge {
			out = append(out, j)
		}
	}
	return newestFirst(out)
}

func newestFirst(jobs []*job) []*job {
	slices.SortFunc(jobs, func(a, b *job) int {
		if a.id > b.id {
			return -1
		}
		return 1
	})
	return jobs
}

func (w *world) add(j *job) *job {
	if j.id == 0 {
		j.id = w.nextJob
	}
	w.nextJob = max(w.nextJob, j.id+1)
	w.jobs[j.id] = j
	j.pipeline.jobs = append(j.pipeline.jobs, j)
	return j
}

func (w *world) sortedJobs() []*job { return newestFirst(slices.Collect(maps.Values(w.jobs))) }
