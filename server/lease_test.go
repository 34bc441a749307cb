package server

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// The memory of answers is used again and again. Whatever runs at the same time, each
// caller gets the answer to its own question.
func TestAnswersDoNotMix(t *testing.T) {
	gw := newGateway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if n := r.URL.Query().Get("cursor"); n != "" || id == "jobs" {
			project := strings.Split(r.URL.Path, "/")[4]
			entry := `{"id":` + project + `,"name":"` + strings.Repeat(project, 50) + `"}`
			answer(200, asJSON, "["+strings.Repeat(entry+",", 199)+entry+"]").ServeHTTP(w, r)
			return
		}
		answer(200, asJSON, `{"id":`+id+`,"name":"`+strings.Repeat(id, 1000)+`"}`).ServeHTTP(w, r)
	}))
	ctx := as(t, canary)
	var all sync.WaitGroup
	for caller := range 12 {
		var options []grpc.CallOption
		if caller%2 == 0 {
			options = append(options, grpc.UseCompressor(gzip.Name))
		}
		all.Go(func() {
			for i := range 60 {
				n := int64(1000*caller + i + 1)
				text := fmt.Sprint(n)
				job, err := gw.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: n}, options...)
				if err != nil || job.GetId() != n || job.GetName() != strings.Repeat(text, 1000) {
					t.Errorf("job %d: %v, %v", n, job.GetId(), err)
				}
				page, err := gw.jobs.ListProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: text}, options...)
				if err != nil || len(page.GetJobs()) != 200 {
					t.Errorf("list %d: %d jobs, %v", n, len(page.GetJobs()), err)
				}
				for _, job := range page.GetJobs() {
					if job.GetId() != n || job.GetName() != strings.Repeat(text, 50) {
						t.Errorf("list %d has job %d", n, job.GetId())
						return
					}
				}
			}
		})
	}
	all.Wait()
}
