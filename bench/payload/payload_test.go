package payload

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestListIsWhatTheJobsAre(t *testing.T) {
	for _, v := range Variants {
		t.Run(v.Name, func(t *testing.T) {
			page, err := v.List(100)
			if err != nil {
				t.Fatal(err)
			}
			var jobs []struct {
				ID        int64  `json:"id"`
				Name      string `json:"name"`
				WebURL    string `json:"web_url"`
				CreatedAt string `json:"created_at"`
			}
			if err := json.Unmarshal(page, &jobs); err != nil {
				t.Fatal(err)
			}
			if len(jobs) != 100 {
				t.Fatalf("%d jobs, want 100", len(jobs))
			}
			names := map[string]bool{}
			for i, job := range jobs {
				if want := JobID(Count - 1 - i); job.ID != want {
					t.Errorf("job %d has number %d, want %d", i, job.ID, want)
				}
				names[job.Name] = true
			}
			if len(names) != 100 {
				t.Errorf("%d different names, want 100", len(names))
			}
			if zoned := strings.HasSuffix(jobs[0].CreatedAt, "+02:00"); zoned != (v.zone != nil) {
				t.Errorf("created_at is %s", jobs[0].CreatedAt)
			}
			t.Logf("%d bytes", len(page))
		})
	}
}

func TestWithoutTrailers(t *testing.T) {
	job, err := Variants[0].WithoutTrailers().Job(0)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(job), `"extended_trailers":{},`) {
		t.Errorf("extended trailers are left: %s", job)
	}
	if !json.Valid(job) {
		t.Error("no longer JSON")
	}
}
