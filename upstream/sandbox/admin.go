package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// serveAdmin is the sandbox's own side, for people and for tests in other languages:
//
//	POST   /-/sandbox/faults   {"match": {…}, "fault": {…}}, see Match and Fault
//	DELETE /-/sandbox/faults
//	POST   /-/sandbox/reset
//	GET    /-/sandbox/state
//	PUT    /-/sandbox/jobs/ID/trace   the body is the log from now on, see SetTrace
//	POST   /-/sandbox/jobs/ID/trace   the body is appended to it, see GrowTrace
//	DELETE /-/sandbox/jobs/ID/trace   see Erase; with ?size=N see TruncateTrace
//	PUT    /-/sandbox/jobs/ID/status  the body is the word, see SetStatus
func (s *Sandbox) serveAdmin(w http.ResponseWriter, r *http.Request) {
	if path, ok := strings.CutPrefix(r.URL.Path, "/-/sandbox/jobs/"); ok {
		s.serveJob(r, path).write(w, r)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /-/sandbox/faults":
		m, f, err := parseFault(readBody(r))
		if err != nil {
			apiError(http.StatusBadRequest, "400 Bad request - "+err.Error()).write(w, r)
			return
		}
		s.Fail(m, f)
		(&reply{status: http.StatusNoContent}).write(w, r)
	case "DELETE /-/sandbox/faults":
		s.ClearFaults()
		(&reply{status: http.StatusNoContent}).write(w, r)
	case "POST /-/sandbox/reset":
		s.Reset()
		(&reply{status: http.StatusNoContent}).write(w, r)
	case "GET /-/sandbox/state":
		out := jsonReply(http.StatusOK, s.state())
		var pretty bytes.Buffer
		if json.Indent(&pretty, append(out.body, '\n'), "", "  ") == nil {
			out.body = pretty.Bytes()
		}
		out.write(w, r)
	default:
		grapeError(http.StatusNotFound, "404 Not Found").write(w, r)
	}
}

type stateEntity struct {
	Version  string         `json:"version"`
	Now      stamp          `json:"now"`
	Projects []projectState `json:"projects"`
	Jobs     []jobState     `json:"jobs"`
	Tokens   []tokenState   `json:"tokens"`
	Faults   []faultState   `json:"faults"`
	Requests int            `json:"requests"`
}

type projectState struct {
	ID   int64  `json:"id"`
	Path string `json:"path"`
	Old  string `json:"old_path,omitempty"`
}

type jobState struct {
	ID       int64  `json:"id"`
	Project  string `json:"project"`
	Pipeline int64  `json:"pipeline"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	Bridge   bool   `json:"bridge,omitempty"`
}

type tokenState struct {
	Token  string   `json:"token"`
	User   string   `json:"user"`
	Scopes []string `json:"scopes,omitempty"`
	Job    int64    `json:"job,omitempty"`
	Dead   string   `json:"dead,omitempty"`
}

type faultState struct {
	Match Match `json:"match"`
	Fault Fault `json:"fault"`
}

// state sums the world up. Its tokens are the sandbox's own and open nothing else.
func (s *Sandbox) state() stateEntity {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := stateEntity{Version: VersionCurrent, Now: utc(now), Requests: len(s.requests), Faults: []faultState{}}
	if s.old {
		e.Version = VersionOld
	}
	for _, id := range slices.Sorted(maps.Keys(s.world.projects)) {
		p := s.world.projects[id]
		e.Projects = append(e.Projects, projectState{p.id, p.path, p.oldPath})
	}
	for _, j := range s.world.sortedJobs() {
		e.Jobs = append(e.Jobs, jobState{
			j.id, j.pipeline.project.path, j.pipeline.id, j.name,
			j.status(now), j.bridge,
		})
	}
	for _, text := range slices.Sorted(maps.Keys(s.world.tokens)) {
		t := s.world.tokens[text]
		e.Tokens = append(e.Tokens, tokenState{Token: text, User: t.user.username, Scopes: t.scopes, Dead: t.death})
	}
	for _, text := range slices.Sorted(maps.Keys(s.world.jobTokens)) {
		j := s.world.jobTokens[text]
		e.Tokens = append(e.Tokens, tokenState{Token: text, User: j.user.username, Job: j.id})
	}
	for _, a := range s.faults {
		e.Faults = append(e.Faults, faultState{a.match, a.fault})
	}
	return e
}
