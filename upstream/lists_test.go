package upstream

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// pages answers by the query, with the header and body given for it, and tells
// which queries came.
func pages(t testing.TB, answers map[string]string) (*Client, *[]string) {
	t.Helper()
	var asked []string
	return newClient(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		headers, ok := answers[r.URL.RawQuery]
		if !ok {
			t.Errorf("asked for %q", r.URL.RawQuery)
		}
		if strings.HasPrefix(headers, "405") {
			respond(405, "application/json", `{"error":"Keyset pagination is not yet available for this type of request"}`)(w, r)
			return
		}
		for line := range strings.Lines(headers) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			w.Header().Add(name, value)
		}
		respond(200, "application/json", fmt.Sprintf(`[{"id":%d},{"id":%d}]`, 2*len(asked), 2*len(asked)+1))(w, r)
	}), &asked
}

func collect(t testing.TB, jobs func(yield func(*jobgatev1.Job, error) bool)) (ids []int64) {
	t.Helper()
	for job, err := range jobs {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, job.GetId())
	}
	return ids
}

func TestProjectJobsByCursor(t *testing.T) {
	const link = "Link: <https://evil.example.com/steal?cursor=%s&page=9>; rel=\"next\""
	c, asked := pages(t, map[string]string{
		"scope%5B%5D=failed&scope%5B%5D=waiting_for_resource&ref=a%2Fb&pagination=keyset&per_page=2&with=x":              fmt.Sprintf(link, "c%3D1"),
		"scope%5B%5D=failed&scope%5B%5D=waiting_for_resource&ref=a%2Fb&pagination=keyset&per_page=2&cursor=c%3D1&with=x": "X-NEXT-CURSOR: c2",
		"scope%5B%5D=failed&scope%5B%5D=waiting_for_resource&ref=a%2Fb&pagination=keyset&per_page=2&cursor=c2&with=x":    "X-NEXT-CURSOR: ",
	})
	ids := collect(t, c.ProjectJobs(t.Context(), &jobgatev1.ListProjectJobsRequest{
		Project: "1", PageSize: 2, Ref: new("a/b"), ExtraParameters: param("with", "x"),
		Scope: []jobgatev1.JobStatus{jobgatev1.JobStatus_JOB_STATUS_FAILED, jobgatev1.JobStatus_JOB_STATUS_WAITING_FOR_RESOURCE},
	}))
	if want := []int64{2, 3, 4, 5, 6, 7}; !slices.Equal(ids, want) || len(*asked) != 3 {
		t.Errorf("got %v by %q", ids, *asked)
	}
}

func TestProjectJobsWithoutKeyset(t *testing.T) {
	for name, first := range map[string]string{
		"ignores it": "X-Next-Page: 2\nX-Page: 1",
		"refuses it": "405",
	} {
		t.Run(name, func(t *testing.T) {
			c, asked := pages(t, map[string]string{
				"pagination=keyset&per_page=20": first,
				"page=1&per_page=20":            "X-Next-Page: 2",
				"page=2&per_page=20":            "X-Next-Page: ",
			})
			req := &jobgatev1.ListProjectJobsRequest{Project: "1"}
			_ = collect(t, c.ProjectJobs(t.Context(), req))
			before := len(*asked)
			_ = collect(t, c.ProjectJobs(t.Context(), req))
			if again := len(*asked) - before; again != 2 {
				t.Errorf("asked %q", *asked)
			}
		})
	}
}

func TestPipelineJobsByNumber(t *testing.T) {
	c, asked := pages(t, map[string]string{
		"include_retried=true&page=1&per_page=100": "X-Total: 6\nX-Next-Page: 2\nLink: <https://h/?page=2>; rel=\"next\"",
		"include_retried=true&page=2&per_page=100": "X-Total: 6\nLink: <https://h/?page=3&cursor=mole>; rel=\"next\"\nX-Next-Cursor: mole",
		"include_retried=true&page=3&per_page=100": "X-Total: 6\nX-Next-Page: \nLink: <https://h/?page=1>; rel=\"first\"",
	})
	req := &jobgatev1.ListPipelineJobsRequest{Project: "1", PipelineId: 6, PageSize: 1000, IncludeRetried: new(true)}
	if ids := collect(t, c.PipelineJobs(t.Context(), req)); !slices.Equal(ids, []int64{2, 3, 4, 5, 6, 7}) {
		t.Errorf("got %v by %q", ids, *asked)
	}
	req.PageSize = 7 // the size of the first page stays in force
	answer, to, err := c.ListPipelineJobs(t.Context(), req, Position{Page: 2, PerPage: 100})
	if err != nil || to != (Position{Page: 3, PerPage: 100}) || answer.GetTotalSize() != 6 {
		t.Errorf("leads to %v, %v, total %d", to, err, answer.GetTotalSize())
	}
}

func TestOwnPaging(t *testing.T) {
	c, _ := pages(t, map[string]string{
		"page=-1&per_page=0&pagination=keyset&cursor=x%26y&order_by=id&sort=asc": "X-Next-Page: 2",
	})
	req := &jobgatev1.ListProjectJobsRequest{Project: "1", Paging: &jobgatev1.GitlabPaging{
		Page: new(int64(-1)), PerPage: new(int64(0)), Pagination: new("keyset"),
		Cursor: new("x&y"), OrderBy: new("id"), Sort: new("asc"),
	}}
	if _, to, err := c.ListProjectJobs(t.Context(), req, Position{}); err != nil || to != (Position{}) {
		t.Errorf("leads to %v, %v", to, err)
	}
}

// Versions that tell the next cursor in a link alone do not hide it from callers who
// page in GitLab's own way; an iterator does not follow it.
func TestOwnPagingLearnsTheLinkedCursor(t *testing.T) {
	c, asked := pages(t, map[string]string{
		"pagination=keyset": "Link: <https://h/?cursor=further&id=1>; rel=\"next\"",
	})
	req := &jobgatev1.ListProjectJobsRequest{Project: "1", Paging: &jobgatev1.GitlabPaging{Pagination: new("keyset")}}
	if _, to, err := c.ListProjectJobs(t.Context(), req, Position{}); err != nil || to != (Position{Cursor: "further"}) {
		t.Errorf("leads to %v, %v", to, err)
	}
	for _, err := range c.ProjectJobs(t.Context(), req) {
		if err != nil {
			t.Error(err)
		}
	}
	if len(*asked) != 2 {
		t.Errorf("asked by %q", *asked)
	}
}

func TestOwnPagingIsNotAskedAgain(t *testing.T) {
	c, asked := pages(t, map[string]string{"pagination=keyset": "405"})
	req := &jobgatev1.ListProjectJobsRequest{Project: "1", Paging: &jobgatev1.GitlabPaging{Pagination: new("keyset")}}
	_, _, err := c.ListProjectJobs(t.Context(), req, Position{})
	if e := wantError(t, err, Answered); e.Status != 405 || len(*asked) != 1 {
		t.Errorf("got %v by %q", err, *asked)
	}
}

func TestHostilePlaces(t *testing.T) {
	for name, headers := range map[string]string{
		"same cursor":     "X-Next-Cursor: here",
		"long cursor":     "X-Next-Cursor: " + strings.Repeat("c", 3000),
		"nowhere":         "Link: <https://h/>; rel=\"next\"",
		"page not number": "X-Next-Page: many",
		"page before":     "X-Next-Page: 1",
	} {
		c, _ := pages(t, map[string]string{"pagination=keyset&per_page=20&cursor=here": headers})
		_, _, err := c.ListProjectJobs(t.Context(), &jobgatev1.ListProjectJobsRequest{Project: "1"}, Position{Cursor: "here"})
		if e := wantError(t, err, Malformed); e.Status != 200 {
			t.Errorf("%s: %#v", name, e)
		}
	}
}

func TestIteratorEndsWithTheError(t *testing.T) {
	calls := 0
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		calls++
		if calls == 2 {
			return answer(500, `{"message":"500 Internal Server Error"}`), nil
		}
		resp := answer(200, `[{"id":1}]`)
		resp.Header.Set("X-Next-Page", "2")
		return resp, nil
	})
	var jobs, failures int
	for job, err := range c.PipelineJobs(t.Context(), &jobgatev1.ListPipelineJobsRequest{Project: "1"}) {
		if err == nil {
			jobs++
			continue
		}
		failures++
		if job != nil {
			t.Errorf("a job beside an error: %v", job)
		}
	}
	if jobs != 1 || failures != 1 || calls != 2 {
		t.Errorf("%d jobs, %d errors, %d calls", jobs, failures, calls)
	}
}

func TestIteratorStopsEarly(t *testing.T) {
	calls := 0
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		calls++
		resp := answer(200, `[{"id":1},{"id":2}]`)
		resp.Header.Set("X-Next-Page", "2")
		return resp, nil
	})
	for range c.PipelineBridges(t.Context(), &jobgatev1.ListPipelineBridgesRequest{Project: "1"}) {
		break
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

// TestBridgesRoute: the route that works is remembered; contract section 7.3.
func TestBridgesRoute(t *testing.T) {
	gone, asked := "/trigger_jobs", []string(nil)
	c := functionClient(t, func(req *http.Request) (*http.Response, error) {
		route := req.URL.Path[strings.LastIndex(req.URL.Path, "/"):]
		asked = append(asked, route)
		if route == gone || gone == "both" {
			return answer(404, `{"error":"404 Not Found"}`), nil
		}
		return answer(200, `[{"id":1}]`), nil
	})
	list := func() error {
		_, _, err := c.ListPipelineBridges(t.Context(), &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: 6}, Position{})
		return err
	}
	for _, step := range []struct{ gone, want string }{
		{"/trigger_jobs", "/bridges"},
		{"/bridges", "/bridges /trigger_jobs"},
		{"/bridges", "/trigger_jobs"},
		{"/trigger_jobs", "/trigger_jobs /bridges"},
		{"/trigger_jobs", "/bridges"},
	} {
		gone, asked = step.gone, nil
		if err := list(); err != nil || strings.Join(asked, " ") != step.want {
			t.Errorf("without %s: asked %v, %v", gone, asked, err)
		}
	}
	gone = "both"
	if e := wantError(t, list(), Answered); e.Status != 404 {
		t.Errorf("got %v", e)
	}
}

func TestMissingPipelineIsNoMissingRoute(t *testing.T) {
	calls := 0
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		calls++
		return answer(404, `{"message":"404 Not found"}`), nil
	})
	_, _, err := c.ListPipelineBridges(t.Context(), &jobgatev1.ListPipelineBridgesRequest{Project: "1"}, Position{})
	wantError(t, err, Answered)
	if calls != 1 || errors.Unwrap(err) != nil {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestNamedBridgesRoute: a caller who names the route is answered by that route alone.
func TestNamedBridgesRoute(t *testing.T) {
	for _, row := range []struct{ asks, has, asked string }{
		{"bridges", "bridges", "/bridges"},
		{"trigger_jobs", "bridges", "/trigger_jobs"},
		{"bridges", "trigger_jobs", "/bridges"},
		{"trigger_jobs", "trigger_jobs", "/trigger_jobs"},
		{"", "trigger_jobs", "/bridges /trigger_jobs"},
	} {
		asked := ""
		c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
			_, route, _ := strings.Cut(r.URL.Path, "/pipelines/6")
			asked += " " + route
			if route != "/"+row.has {
				respond(404, "application/json", `{"error":"404 Not Found"}`)(w, r)
				return
			}
			respond(200, "application/json", `[]`)(w, r)
		})
		ctx := WithCall(t.Context(), &Call{BridgesRoute: row.asks})
		_, _, err := c.ListPipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: 6}, Position{})
		if asked != " "+row.asked || (err == nil) != strings.HasSuffix(row.asked, "/"+row.has) {
			t.Errorf("%+v: asked%s, %v", row, asked, err)
		}
	}
	c := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("the call arrived") })
	ctx := WithCall(t.Context(), &Call{BridgesRoute: "../jobs"})
	_, _, err := c.ListPipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: 6}, Position{})
	wantError(t, err, Invalid)
}
