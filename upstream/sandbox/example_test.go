package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// A test plays a manual job, lets time pass, and asserts what was sent.
func Example() {
	now := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	sb := sandbox.New(sandbox.WithClock(func() time.Time { return now }))
	srv := httptest.NewServer(sb)
	defer srv.Close()

	call := func(method, path string) (status string) {
		req, err := http.NewRequest(method, srv.URL+"/api/v4/projects/acme%2Fwidgets/jobs/"+path, http.NoBody)
		if err != nil {
			return err.Error()
		}
		req.Header.Set("PRIVATE-TOKEN", sandbox.TokenDeveloper)
		resp, err := srv.Client().Do(req)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		var job struct {
			Status string `json:"status"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&job); err != nil {
			return err.Error()
		}
		return job.Status
	}

	fmt.Println(call("POST", "104/play"))
	now = now.Add(10 * time.Second)
	fmt.Println(call("GET", "104"))
	now = now.Add(time.Minute)
	fmt.Println(call("GET", "104"))
	for _, r := range sb.Requests() {
		fmt.Println(r.Method, r.Path)
	}
	// Output:
	// pending
	// running
	// success
	// POST /api/v4/projects/acme%2Fwidgets/jobs/104/play
	// GET /api/v4/projects/acme%2Fwidgets/jobs/104
	// GET /api/v4/projects/acme%2Fwidgets/jobs/104
}
