package upstream

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// tagServer is a GitLab with one answer for everything, and an ETag made of it as GitLab
// does; contract section 6.
type tagServer struct {
	mu      sync.Mutex
	body    string
	header  http.Header      // of every answer
	refuses map[string]int   // token: status
	asked   []string         // If-None-Match of each request
	odd     http.HandlerFunc // answers instead, if set
}

func (s *tagServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := r.Header.Get("If-None-Match")
	s.asked = append(s.asked, given)
	if s.odd != nil {
		s.odd(w, r)
		return
	}
	if status := s.refuses[r.Header.Get("Private-Token")]; status != 0 {
		respond(status, "application/json", `{"message":"no"}`)(w, r)
		return
	}
	maps.Copy(w.Header(), s.header)
	etag := fmt.Sprintf(`W/"%x"`, sha256.Sum256([]byte(s.body)))[:36] + `"`
	w.Header().Set("ETag", etag)
	if w.Header().Get("Via") == "" { // of a front end that cuts the header down
		w.Header().Set("X-Request-Id", fmt.Sprint(len(s.asked)))
	}
	if given == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	respond(200, "application/json", s.body)(w, r)
}

func (s *tagServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// conditions tells of each request since the last call whether it had a condition.
func (s *tagServer) conditions() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := ""
	for _, given := range s.asked {
		told += map[bool]string{true: "-", false: "c"}[given == ""]
	}
	s.asked = nil
	return told
}

// ask gets a job and returns its name, and the call.
func ask(t testing.TB, c *Client, call Call) (string, *Call) {
	t.Helper()
	job, err := c.GetJob(WithCall(t.Context(), &call), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
	if err != nil {
		t.Fatal(err)
	}
	if err := parse(job); err != nil {
		t.Fatal(err)
	}
	return job.GetName(), &call
}

func TestLifeOfAFrame(t *testing.T) {
	s := &tagServer{body: `{"id":7,"name":"one"}`, header: http.Header{"X-Kept": {"a", "b"}, "Ratelimit-Remaining": {"5"}, "Set-Cookie": {"x"}}}
	c := newClient(t, s.ServeHTTP)
	call := Call{Credential: Credential{PrivateToken: "glpat-x"}}
	var plain http.Header
	for i := range 5 {
		name, got := ask(t, c, call)
		if name != "one" || got.Reply.Status != 200 || (got.Frame != nil) != (i >= 2) || (got.Lease == nil) != (i >= 2) {
			t.Errorf("call %d: %q, %+v, frame %v, lease %v", i, name, got.Reply, got.Frame, got.Lease)
		}
		h := got.Reply.Header
		if h.Get("X-Request-Id") != fmt.Sprint(i+1) {
			t.Errorf("call %d has the number of call %s", i, h.Get("X-Request-Id"))
		}
		h.Del("X-Request-Id")
		h.Del("Date")
		if i == 0 {
			plain = h.Clone()
		} else if fmt.Sprint(h) != fmt.Sprint(plain) {
			t.Errorf("call %d has header %v, not %v", i, h, plain)
		}
		for _, values := range h {
			values[0] = "changed" // by whoever the answer is for
		}
	}
	if got := s.conditions(); got != "--ccc" {
		t.Errorf("asked %s", got)
	}
	s.set(func() { delete(s.header, "Ratelimit-Remaining"); delete(s.header, "Set-Cookie") })
	if _, got := ask(t, c, call); got.Frame == nil || got.Reply.Header.Get("Ratelimit-Remaining")+got.Reply.Header.Get("Set-Cookie") != "" {
		t.Errorf("what was said of another call is kept: %v", got.Reply.Header)
	}
	s.conditions()
	s.set(func() { s.body, s.header = `{"id":7,"name":"two"}`, nil })
	for i := range 4 {
		if name, got := ask(t, c, call); name != "two" || (got.Frame != nil) != (i >= 2) || got.Reply.Header.Get("X-Kept") != "" {
			t.Errorf("call %d after the change: %q, frame %v", i, name, got.Frame)
		}
	}
	if got := s.conditions(); got != "c-cc" {
		t.Errorf("after the change asked %s", got)
	}
	if got := c.CacheStats(); got.Hits != 6 || got.Misses != 4 || got.Stored != 2 || got.Entries != 1 || got.Bytes < frameOverhead {
		t.Errorf("figures are %+v", got)
	}
}

// TestFramesAreNotShared: what one caller was answered is never the ground for the answer
// to another.
func TestFramesAreNotShared(t *testing.T) {
	callers := map[string]Call{
		"one":       {Credential: Credential{PrivateToken: "glpat-1"}},
		"other":     {Credential: Credential{PrivateToken: "glpat-2"}},
		"bearer":    {Credential: Credential{Authorization: "Bearer glpat-1"}},
		"job token": {Credential: Credential{JobToken: "glpat-1"}},
		"sudo":      {Credential: Credential{PrivateToken: "glpat-1", Sudo: "root"}},
		"dpop":      {Credential: Credential{PrivateToken: "glpat-1", DPoP: "proof"}},
		"origin":    {Credential: Credential{PrivateToken: "glpat-1"}, Forward: http.Header{"Origin": {"https://a.example"}}},
		"anonymous": {},
	}
	for name, call := range callers {
		s := &tagServer{body: `{"id":7,"name":"one"}`}
		c := newClient(t, s.ServeHTTP)
		for range 3 {
			ask(t, c, call)
		}
		if got := s.conditions(); got != "--c" {
			t.Fatalf("%s: asked %s", name, got)
		}
		for other, call := range callers {
			if other == name {
				continue
			}
			ask(t, c, call)
			if s.conditions() != "-" {
				t.Errorf("%s is asked for with what %s was answered", other, name)
			}
		}
		call.Forward = http.Header{"X-Request-Id": {"x"}, "If-None-Match": {`"theirs"`}}
		if name == "origin" {
			call.Forward["Origin"] = []string{"https://a.example"}
		}
		ask(t, c, call)
		if s.conditions() != "c" {
			t.Errorf("%s: the name of the call makes another frame", name)
		}
	}
}

func TestRevokedAfterItWasKept(t *testing.T) {
	for _, status := range []int{401, 403, 404, 410} {
		s := &tagServer{body: `{"id":7,"name":"one"}`, refuses: map[string]int{}}
		c := newClient(t, s.ServeHTTP)
		call := Call{Credential: Credential{PrivateToken: "glpat-x"}}
		for range 3 {
			ask(t, c, call)
		}
		s.set(func() { s.refuses["glpat-x"] = status })
		job, err := c.GetJob(WithCall(t.Context(), &call), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
		if e := wantError(t, err, Answered); job != nil || e.Status != status || call.Frame != nil || call.Reply.Status != status {
			t.Errorf("%d: got %v, %v, %+v", status, job, err, call)
		}
		if got := c.CacheStats(); got.Entries != 0 || got.Bytes != 0 {
			t.Errorf("%d: the frame is still there: %+v", status, got)
		}
	}
}

// A failure that tells nothing of the answer leaves the frame.
func TestFrameOutlivesOtherErrors(t *testing.T) {
	s := &tagServer{body: `{"id":7,"name":"one"}`, refuses: map[string]int{}}
	c := newClient(t, s.ServeHTTP, WithQuota(false))
	for range 3 {
		ask(t, c, Call{})
	}
	for _, status := range []int{429, 500, 503} {
		s.set(func() { s.refuses[""] = status })
		if e := wantError(t, getOne(t.Context(), c), Answered); e.Status != status {
			t.Errorf("got %v", e)
		}
	}
	s.set(func() { clear(s.refuses) })
	if _, call := ask(t, c, Call{}); call.Frame == nil {
		t.Error("the frame is gone")
	}
}

// getOne gets the job that ask gets.
func getOne(ctx context.Context, c *Client) error {
	_, err := c.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
	return err
}

func notModified(etag ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Etag"] = etag
		w.WriteHeader(http.StatusNotModified)
	}
}

func TestOddAnswersOf304(t *testing.T) {
	s := &tagServer{body: `{"id":7,"name":"one"}`}
	c := newClient(t, s.ServeHTTP)
	unasked := func(what string) {
		t.Helper()
		if e := wantError(t, getOne(t.Context(), c), Malformed); e.Status != 304 {
			t.Errorf("%s: got %v", what, e)
		}
	}
	s.odd = notModified()
	unasked("unasked")
	s.odd = nil
	for range 2 {
		ask(t, c, Call{})
	}
	etag := c.frames.recent.Front().Value.(*frameEntry).etag
	s.conditions()
	for name, row := range map[string]struct {
		odd   http.HandlerFunc
		asked string
	}{
		"no ETag":      {notModified(), "c"},
		"strong":       {notModified(strings.TrimPrefix(etag, "W/")), "c"},
		"another ETag": {notModified(`W/"other"`), "c-"},
		"two ETags":    {notModified(etag, `W/"other"`), "c-"},
	} {
		s.set(func() {
			s.odd = func(w http.ResponseWriter, r *http.Request) {
				s.odd = nil
				row.odd(w, r)
			}
		})
		if got, call := ask(t, c, Call{}); got != "one" || call.Reply.Status != 200 || (call.Frame != nil) != (row.asked == "c") {
			t.Errorf("%s: %q, %+v", name, got, call)
		}
		if asked := s.conditions(); asked != row.asked {
			t.Errorf("%s: asked %s", name, asked)
		}
	}
	s.set(func() { s.odd = notModified(`W/"other"`) })
	unasked("twice another")
	if s.conditions() != "c-" {
		t.Error("asked more than twice")
	}
}

func TestNotStored(t *testing.T) {
	s := &tagServer{body: `{"id":7,"name":"one"}`, header: http.Header{"Cache-Control": {"no-store"}}}
	c := newClient(t, s.ServeHTTP)
	for range 4 {
		ask(t, c, Call{})
	}
	if got := s.conditions(); got != "----" || c.CacheStats().Entries != 0 {
		t.Errorf("asked %s, %+v", got, c.CacheStats())
	}
	s.set(func() { s.header = nil })
	for range 3 {
		ask(t, c, Call{})
	}
	s.set(func() { s.header, s.body = http.Header{"Cache-Control": {"no-store"}}, `{"id":7,"name":"two"}` })
	if name, _ := ask(t, c, Call{}); name != "two" || c.CacheStats().Entries != 0 {
		t.Errorf("got %q; what may not be stored leaves what it replaces: %+v", name, c.CacheStats())
	}
}

// TestNothingElseIsConditional: writes, logs and what is relayed know nothing of frames.
func TestNothingElseIsConditional(t *testing.T) {
	s := &tagServer{body: `{"id":7,"name":"one"}`}
	c := newClient(t, s.ServeHTTP)
	for range 3 {
		if err := cancelJob(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		err := c.Relay(t.Context(), Raw{Method: "GET", Path: "/projects/1/jobs/7"}, func(*http.Response) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Trace(t.Context(), "1", 7, TraceRange{}, nil)
		wantError(t, err, Malformed) // it is JSON
	}
	if got := s.conditions(); strings.Contains(got, "c") || c.CacheStats() != (CacheStats{}) {
		t.Errorf("asked %s, %+v", got, c.CacheStats())
	}
	off := newClient(t, s.ServeHTTP, WithCache(0))
	for range 3 {
		ask(t, off, Call{})
	}
	if got := s.conditions(); got != "---" {
		t.Errorf("without a cache asked %s", got)
	}
}

// TestPlacesOfAKeptPage: where the next page is comes from the 304, as far as it tells.
func TestPlacesOfAKeptPage(t *testing.T) {
	s := &tagServer{body: `[{"id":7}]`}
	c := newClient(t, s.ServeHTTP)
	page := func() (Position, int64, bool) {
		t.Helper()
		call := &Call{}
		answer, to, err := c.ListPipelineJobs(WithCall(t.Context(), call), &jobgatev1.ListPipelineJobsRequest{Project: "1", PipelineId: 6}, Position{})
		if err != nil {
			t.Fatal(err)
		}
		total := int64(-1)
		if answer.TotalSize != nil {
			total = answer.GetTotalSize()
		}
		return to, total, call.Frame != nil
	}
	for i, step := range []struct {
		header http.Header
		next   int64
		total  int64
	}{
		{http.Header{"X-Next-Page": {"2"}, "X-Total": {"21"}}, 2, 21},
		{http.Header{"X-Next-Page": {"2"}, "X-Total": {"21"}}, 2, 21},
		{http.Header{"X-Next-Page": {"2"}, "X-Total": {"21"}}, 2, 21},
		{http.Header{"X-Next-Page": {""}, "X-Total": {"20"}}, 0, 20},
		{http.Header{"X-Next-Page": {"2"}}, 2, -1}, // too many to count
		{nil, 0, -1}, // GitLab itself, on what has become the last page
		{http.Header{"Via": {"1.1 front"}}, 2, 21}, // a front end that tells no more than it must
	} {
		s.set(func() { s.header = step.header })
		to, total, kept := page()
		if to.Page != step.next || total != step.total || kept != (i >= 2) {
			t.Errorf("step %d: %+v, %d in all, kept %v", i, to, total, kept)
		}
	}
}

func TestMovedProjectIsKept(t *testing.T) {
	var asked []string
	c := functionClient(t, func(req *http.Request) (*http.Response, error) {
		asked = append(asked, req.URL.Path+" "+req.Header.Get("If-None-Match"))
		resp := answer(200, `{"id":7}`)
		switch {
		case strings.Contains(req.URL.Path, "old/app"):
			resp = answer(301, "")
			resp.Header.Set("Location", "/api/v4/projects/42/jobs/7")
		case req.Header.Get("If-None-Match") == `"a"`:
			resp = answer(304, "")
		}
		resp.Header.Set("Etag", `"a"`)
		return resp, nil
	})
	for i := range 3 {
		call := &Call{}
		_, err := c.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: "old/app", JobId: 7})
		if err != nil || (call.Frame != nil) != (i == 2) {
			t.Errorf("call %d: %v, frame %v", i, err, call.Frame)
		}
	}
	if last := asked[len(asked)-1]; len(asked) != 6 || last != `/api/v4/projects/42/jobs/7 "a"` {
		t.Errorf("asked %q", asked)
	}
	ctx := WithCall(t.Context(), &Call{KeepRedirects: true})
	_, err := c.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "old/app", JobId: 7})
	wantError(t, err, Redirected)
}
