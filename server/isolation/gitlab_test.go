package isolation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// mark is a word that is in all of one answer, header and body. Asked again for the same by the
// same, and as long as nothing has changed, GitLab gives the same answer.
type mark struct {
	who      ident
	what     string
	status   int
	job      int       // that it is about, -1 for several
	pipeline int       // of a trigger job, -1 of none
	read     int       // the job, or the pipeline whose trigger jobs, it lets be read, -1 of none
	told     time.Time // when GitLab last said so
}

// A mark is so many bytes long, and begins with that.
const (
	markBegin  = "mk~"
	markLength = len(markBegin) + 9
)

// lineBegin begins each line of a log; see line.
const (
	lineBegin  = "lg~"
	lineLength = 48
)

// line is one of a version of a job's log.
func line(job, version, n int) string {
	return fmt.Sprintf("lg~%03d.%03d.%06d~%*s\n", job, version, n, lineLength-len("lg~000.000.000000~\n"), "of a log")
}

// form is how GitLab sends parts of logs.
type form int

const (
	slices0 form = iota // byte_offset and byte_limit
	ranges              // the header Range, by a front end
	wholes              // not at all
	forms
)

// task is a job of GitLab's.
type task struct {
	running bool
	version int // of its state
	log     []byte
	edition int // of its log
	erased  bool
	sizes   []reached // of its log, lately
}

// reached is when a log had a size.
type reached struct {
	size int
	at   time.Time
}

func (t *task) grow(job, lines int) {
	for range lines {
		t.log = append(t.log, line(job, t.edition, len(t.log)/lineLength)...)
	}
	t.sizes = append(t.sizes, reached{len(t.log), time.Now()})
	for time.Since(t.sizes[0].at) > memory {
		t.sizes = t.sizes[1:]
	}
}

func (t *task) rewrite(job, lines int) {
	t.edition++
	t.log = nil
	t.grow(job, lines)
}

type said struct {
	who ident
	id  int // of a job, or of a pipeline
}

// gitlab is the model. It decides by credential, and remembers what it said to whom.
type gitlab struct {
	form     form
	muted    int // the status of who is to hear nothing for a while
	stumbles int // of so many answers one is 503; 0 is of none
	failf    func(format string, args ...any)

	mu    sync.Mutex
	rand  *rand.Rand
	tasks [jobs]task
	history
	marks map[string]*mark
	texts map[string]string  // of marks, by all that they stand for
	yes   map[said]time.Time // when it last let a job be read, or the trigger jobs of a pipeline
	mute  map[ident]time.Time
	count map[string]int
}

func newGitlab(r *rand.Rand, failf func(string, ...any)) *gitlab {
	g := &gitlab{
		rand: r, failf: failf, form: form(r.IntN(int(forms))), muted: []int{429, 500, 500, 500}[r.IntN(4)], stumbles: []int{0, 0, 100, 30}[r.IntN(4)],
		marks: map[string]*mark{}, texts: map[string]string{}, yes: map[said]time.Time{},
		mute: map[ident]time.Time{}, count: map[string]int{},
	}
	g.now.sudo = true
	for p := range projects {
		g.now.public[p] = r.IntN(3) == 0
		for u := range users {
			g.now.role[u][p] = anyRole(r)
		}
	}
	for j := range jobs {
		g.now.debug[j] = j%perProj == 0
		g.tasks[j].running = j%2 == 0
		g.tasks[j].grow(j, r.IntN(60))
		if r.IntN(15) == 0 {
			g.tasks[j].grow(j, 8000)
		}
	}
	return g
}

// with runs something under the lock.
func (g *gitlab) with(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	do()
}

// delays are how long an answer takes before GitLab decides, after that, and in the middle.
type delays struct{ before, after, within time.Duration }

// slowest is the longest time from a decision to the last byte of its answer.
const slowest = 5 * time.Second

func (g *gitlab) delays() (d delays) {
	some := func(most time.Duration) time.Duration { return time.Duration(g.rand.Int64N(int64(most))) }
	d.before, d.after = some(30*time.Millisecond), some(30*time.Millisecond)
	switch g.rand.IntN(40) {
	case 0:
		d.before = some(3 * time.Second)
	case 1:
		d.after = some(3 * time.Second)
	case 2, 3:
		d.within = some(time.Second / 10)
	}
	return d
}

// RoundTrip implements [http.RoundTripper].
func (g *gitlab) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
	}
	g.mu.Lock()
	d := g.delays()
	g.mu.Unlock()
	if err := sleep(req.Context(), d.before); err != nil {
		return nil, err
	}
	resp, m := g.answer(req, body)
	if err := sleep(req.Context(), d.after); err != nil {
		return nil, err
	}
	resp.Request = req
	resp.Proto, resp.ProtoMajor, resp.ProtoMinor = "HTTP/1.1", 1, 1
	if m == nil {
		return resp, nil
	}
	touch := func() { g.with(func() { g.touch(m) }) }
	touch()
	if d.within > 0 && resp.ContentLength > 0 && req.Method != http.MethodHead {
		resp.Body = &slowBody{resp.Body, req.Context(), d.within, int(resp.ContentLength/3) + 1, 4, touch}
	}
	return resp, nil
}

// touch notes that GitLab's answer comes. Whoever shares it may have asked up to now.
func (g *gitlab) touch(m *mark) {
	m.told = time.Now()
	if m.read >= 0 && m.status == http.StatusOK {
		g.yes[said{m.who, m.read}] = m.told
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// slowBody is a body that comes in pieces.
type slowBody struct {
	io.ReadCloser

	ctx   context.Context //nolint:containedctx // of the request
	pause time.Duration
	most  int
	left  int
	touch func()
}

// Read implements [io.Reader].
func (b *slowBody) Read(p []byte) (int, error) {
	if b.left > 0 {
		b.left--
		if err := sleep(b.ctx, b.pause); err != nil {
			b.touch() // a part of it may be told
			return 0, err
		}
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.most)])
	b.touch()
	return n, err
}

// asked is a request as GitLab understands it.
type asked struct {
	*gitlab

	req     *http.Request
	who     ident
	path    []string
	query   url.Values
	project int
	job     int
	bridge  bool
	read    int // see mark
}

// answer decides.
func (g *gitlab) answer(req *http.Request, body []byte) (*http.Response, *mark) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count["requests"]++
	query := req.URL.Query()
	if req.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		if form, err := url.ParseQuery(string(body)); err == nil {
			maps.Copy(query, form)
		}
	}
	a := &asked{gitlab: g, req: req, who: identOf(req.Header, query), query: query, project: -1, job: -1, read: -1}
	if tag := req.Header.Get("If-None-Match"); tag != "" {
		for _, text := range marksIn([]byte(tag)) {
			if m := g.marks[text]; m == nil || m.who != a.who {
				g.failf("GitLab was sent the validator %s, of %v, by %v", tag, m, a.who)
			}
		}
	}
	path := strings.TrimSuffix(strings.TrimPrefix(req.URL.EscapedPath(), "/api/v4/"), ".json")
	for segment := range strings.SplitSeq(path, "/") {
		if segment != "" {
			text, _ := url.PathUnescape(segment)
			a.path = append(a.path, text)
		}
	}
	if time.Now().Before(g.mute[a.who]) {
		g.count["stumbles"]++
		return a.json(a.muted, `{"message":{"error":"@"}}`)
	}
	if a.stumbles > 0 && g.rand.IntN(a.stumbles) == 0 {
		return a.json(http.StatusServiceUnavailable, `{"message":"503 @"}`)
	}
	return a.route()
}

func (a *asked) route() (*http.Response, *mark) {
	if a.req.Method == http.MethodOptions {
		return a.json(http.StatusOK, "")
	}
	if len(a.path) > 0 && a.path[0] == "job" {
		return a.token()
	}
	if len(a.path) < 3 || a.path[0] != "projects" {
		return a.json(http.StatusNotFound, `{"error":"404 @ Not Found"}`)
	}
	if old, ok := strings.CutPrefix(a.path[1], "old/p"); ok {
		return a.moved(old)
	}
	text := strings.TrimPrefix(a.path[1], "grp/p")
	n, err := strconv.Atoi(text)
	if a.project = n - 1; err != nil || a.project < 0 || a.project >= projects {
		return a.json(http.StatusNotFound, `{"message":"404 Project @ Not Found"}`)
	}
	switch {
	case a.path[2] == "jobs" && len(a.path) == 3:
		return a.list(false)
	case a.path[2] == "pipelines" && len(a.path) == 5:
		if a.path[3] != strconv.Itoa(firstPipe+a.project) {
			return a.json(http.StatusNotFound, `{"message":"404 Not found @"}`)
		}
		return a.list(a.path[4] != "jobs")
	case a.path[2] == "jobs":
		return a.aboutJob()
	}
	return a.json(http.StatusNotFound, `{"error":"404 @ Not Found"}`)
}

// refused is GitLab's no, nil if it has none.
func (a *asked) refused(what kind) (*http.Response, *mark) {
	status := a.now.may(a.who, what, a.project, a.job)
	if status == http.StatusOK {
		return nil, nil
	}
	a.count["refusals"]++
	return a.json(status, fmt.Sprintf(`{"message":"%d @ %s"}`, status, http.StatusText(status)))
}

func (a *asked) token() (*http.Response, *mark) {
	if no, m := a.refused(readToken); no != nil {
		return no, m
	}
	a.job, a.project = 0, 0
	if len(a.path) > 1 {
		return a.json(http.StatusOK, `{"allowed_agents":[],"job":{"id":1000},"pipeline":{"id":500},"project":{"id":1,"groups":[]},"user":{"id":1,"username":"@","roles_in_project":["@"]}}`)
	}
	return a.json(http.StatusOK, a.jobJSON(0))
}

func (a *asked) moved(number string) (*http.Response, *mark) {
	if a.req.Method != http.MethodGet {
		return a.json(http.StatusMethodNotAllowed, `{"message":"405 @ Non GET methods are not allowed for moved projects"}`)
	}
	at := "http://gitlab.test/api/v4/projects/" + number + "/" + strings.Join(a.path[2:], "/")
	if a.req.URL.RawQuery != "" {
		at += "?" + a.req.URL.RawQuery
	}
	resp, m := a.json(http.StatusMovedPermanently, "This resource @ has been moved permanently to "+at)
	resp.Header.Set("Content-Type", "text/plain")
	resp.Header.Set("Location", at)
	return resp, m
}

func (a *asked) list(bridges bool) (*http.Response, *mark) {
	if no, m := a.refused(readList); no != nil {
		return no, m
	}
	size, err := 20, error(nil)
	if text := a.query.Get("per_page"); text != "" {
		size, err = strconv.Atoi(text)
	}
	if err != nil {
		return a.json(http.StatusBadRequest, `{"error":"per_page @ is invalid"}`)
	}
	if bridges {
		a.read = firstPipe + a.project
		return a.json(http.StatusOK, "["+a.bridgeJSON()+"]")
	}
	from := 0
	if cursor := a.query.Get("cursor"); cursor != "" {
		from, _ = strconv.Atoi(cursor[strings.LastIndex(cursor, "~")+1:])
	} else if page, err := strconv.Atoi(a.query.Get("page")); err == nil {
		from = (page - 1) * size
	}
	var all []string
	for i := max(from, 0); i < min(from+size, perProj); i++ {
		all = append(all, a.jobJSON(a.project*perProj+i))
	}
	resp, m := a.json(http.StatusOK, "["+strings.Join(all, ",")+"]")
	if resp.StatusCode == http.StatusOK && from+size < perProj {
		word := resp.Header.Get("X-Gitlab-Meta")
		next := url.Values{"pagination": {"keyset"}, "cursor": {fmt.Sprint(word, from+size)}}
		resp.Header.Set("Link", "<http://gitlab.test"+a.req.URL.EscapedPath()+"?"+next.Encode()+`>; rel="next"`)
		resp.Header.Set("X-Next-Page", strconv.Itoa((from+size)/size+1))
	}
	return resp, m
}

func (a *asked) aboutJob() (*http.Response, *mark) {
	id, err := strconv.Atoi(a.path[3])
	a.job, a.bridge = id-firstJob, id == firstBrg+a.project
	action := ""
	if len(a.path) > 4 {
		action = a.path[4]
	}
	switch known := err == nil && a.job >= 0 && a.job < jobs && a.job/perProj == a.project; {
	case err != nil:
		a.job = -1
		return a.json(http.StatusBadRequest, `{"error":"job_id @ is invalid"}`)
	case a.bridge && (action == "play" || action == "retry"):
		a.job = -1
	case !known:
		a.job = -1
		if no, m := a.refused(readJob); no != nil {
			return no, m
		}
		return a.json(http.StatusNotFound, `{"message":"404 @ Not found"}`)
	}
	switch reading := a.req.Method == http.MethodGet || a.req.Method == http.MethodHead; {
	case reading && action == "":
		if no, m := a.refused(readJob); no != nil {
			return no, m
		}
		a.read = firstJob + a.job
		return a.json(http.StatusOK, a.jobJSON(a.job))
	case reading && action == "trace":
		if no, m := a.refused(readLog); no != nil {
			return no, m
		}
		return a.log()
	case a.req.Method == http.MethodPost && slices.Contains([]string{"cancel", "retry", "erase", "play"}, action):
		if no, m := a.refused(writeJob); no != nil {
			return no, m
		}
		return a.write(action)
	}
	return a.json(http.StatusMethodNotAllowed, `{"error":"405 @ Not Allowed"}`)
}

func (a *asked) write(action string) (*http.Response, *mark) {
	a.count["writes"]++
	if a.bridge {
		if action == "play" {
			return a.json(http.StatusOK, a.bridgeJSON())
		}
		return a.json(http.StatusCreated, a.bridgeJSON())
	}
	t := &a.tasks[a.job]
	t.version++
	if action == "erase" {
		if t.running {
			return a.json(http.StatusForbidden, `{"message":"403 Forbidden - Job @ is not erasable!"}`)
		}
		t.erased, t.log = true, nil
		t.edition++
	}
	status := http.StatusCreated
	if action == "play" {
		status = http.StatusOK
	}
	return a.json(status, a.jobJSON(a.job))
}

const jobForm = `{"id":%d,"status":"%s","stage":"@","name":"job @","ref":"@","tag":false,` +
	`"created_at":"2026-03-04T12:00:00.000Z","started_at":"2026-03-04T12:00:01.000Z","erased_at":%s,` +
	`"user":{"id":1,"username":"@"},"pipeline":{"id":%d,"project_id":%d,"ref":"@"},` +
	`"web_url":"http://gitlab.test/grp/@","artifacts":[],"member_of_tomorrow":"@"}`

func (g *gitlab) jobJSON(job int) string {
	t := &g.tasks[job]
	status, erased := "success", "null"
	if t.running {
		status = "running"
	}
	if t.erased {
		erased = `"2026-03-04T12:00:02.000Z"`
	}
	return fmt.Sprintf(jobForm, firstJob+job, status, erased, firstPipe+job/perProj, job/perProj+1)
}

func (a *asked) bridgeJSON() string {
	return fmt.Sprintf(`{"id":%d,"status":"manual","name":"@","pipeline":{"id":%d,"project_id":%d,"ref":"@"},"downstream_pipeline":null,"member":"@"}`,
		firstBrg+a.project, firstPipe+a.project, a.project+1)
}

// mark finds or makes the mark of an answer.
func (a *asked) mark(status int) (string, *mark) {
	state := 0
	if a.project >= 0 {
		for i := range perProj {
			state += a.tasks[a.project*perProj+i].version
		}
	}
	key := fmt.Sprintf("%v|%s|%s|%s|%s|%d|%d", a.who, a.req.Method, a.req.URL.EscapedPath(), a.req.URL.RawQuery, a.req.Header.Get("Range"), status, state)
	text := a.texts[key]
	if text == "" {
		text = fmt.Sprintf("%s%08x~", markBegin, len(a.texts)+1)
		a.texts[key] = text
		m := &mark{who: a.who, what: a.req.Method + " " + a.req.URL.RequestURI(), status: status, job: a.job, pipeline: -1, read: a.read}
		if a.bridge {
			m.pipeline = firstPipe + a.project
		}
		a.marks[text] = m
	}
	m := a.marks[text]
	m.told = time.Now()
	return text, m
}

// json answers with a text that has a place for the mark.
func (a *asked) json(status int, text string) (*http.Response, *mark) {
	word, m := a.mark(status)
	h := http.Header{
		"X-Request-Id": {"req-" + word}, "X-Gitlab-Meta": {word}, "Vary": {word}, "Set-Cookie": {"_gitlab_session=" + neverBegin + word},
		"Ratelimit-Name": {word}, "X-Mark-Of-Tomorrow": {word}, "Content-Type": {"application/json"}, "Server": {neverBegin},
	}
	tag := `W/"` + word + `"`
	if status == http.StatusOK && (a.req.Method == http.MethodGet || a.req.Method == http.MethodHead) {
		h.Set("Etag", tag)
		if a.req.Header.Get("If-None-Match") == tag {
			a.count["304"]++
			return &http.Response{StatusCode: http.StatusNotModified, Header: h, Body: http.NoBody}, m
		}
	}
	text = strings.ReplaceAll(text, "@", word)
	resp := &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}
	if a.req.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp, m
}

// neverBegin is in what GitLab sends that no caller may get.
const neverBegin = "nv~"

// log answers with a log, or a part of it. Its bytes are the same for all who may have them.
func (a *asked) log() (*http.Response, *mark) {
	t := &a.tasks[a.job]
	word, m := a.mark(http.StatusOK)
	log := t.log
	a.count["logs"]++
	h := http.Header{
		"Content-Type": {"text/plain"}, "X-Request-Id": {"req-" + word}, "X-Gitlab-Meta": {word},
		"Set-Cookie": {neverBegin + word}, "Vary": {word},
	}
	status := http.StatusOK
	number := func(name string) int {
		n, err := strconv.Atoi(a.query.Get(name))
		if err != nil {
			return -1
		}
		return n
	}
	if offset, limit := number("byte_offset"), number("byte_limit"); a.form == slices0 && (offset >= 0 || limit > 0) {
		log = log[min(max(offset, 0), len(log)):]
		if limit > 0 {
			log = log[:min(limit, len(log))]
		}
	}
	if set, ok := strings.CutPrefix(a.req.Header.Get("Range"), "bytes="); ok && a.form == ranges && a.req.Method == http.MethodGet {
		first, last, _ := strings.Cut(set, "-")
		from, _ := strconv.Atoi(first)
		to, err := strconv.Atoi(last)
		if err != nil || to >= len(t.log) {
			to = len(t.log) - 1
		}
		if from > to {
			h.Set("Content-Range", fmt.Sprintf("bytes */%d", len(t.log)))
			return &http.Response{StatusCode: http.StatusRequestedRangeNotSatisfiable, Header: h, Body: http.NoBody}, m
		}
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(t.log)))
		log, status = log[from:to+1], http.StatusPartialContent
	}
	if len(log) > 0 && status == http.StatusOK {
		tag := fmt.Sprintf(`W/"%d.%d.%d"`, a.job, t.edition, len(t.log))
		h.Set("Etag", tag)
		if a.req.Header.Get("If-None-Match") == tag {
			a.count["304 of logs"]++
			return &http.Response{StatusCode: http.StatusNotModified, Header: h, Body: http.NoBody}, m
		}
	}
	resp := &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader(bytes.Clone(log))), ContentLength: int64(len(log))}
	if a.req.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp, m
}

// marksIn finds the marks in what came.
func marksIn(b []byte) (all []string) {
	for {
		i := bytes.Index(b, []byte(markBegin))
		if i < 0 || len(b) < i+markLength {
			return all
		}
		if text := string(b[i : i+markLength]); len(all) == 0 || all[len(all)-1] != text {
			all = append(all, text)
		}
		b = b[i+markLength:]
	}
}
