package gitlabjson

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

var jobTable = TableOf((*jobgatev1.Job)(nil))

// jobsPage is a list of 100 current jobs.
type jobsPage struct {
	name string // what its jobs have in common, or what is odd about them
	edit []func(job *jobgatev1.Job, i int)
}

var pages = []jobsPage{
	{"same pipeline", []func(*jobgatev1.Job, int){varyJob}},
	{"same project", []func(*jobgatev1.Job, int){varyJob, varyParts}},
	{"other zone", []func(*jobgatev1.Job, int){varyJob, varyParts, moveZone}},
}

// jobs returns the wire form of each job.
func (p jobsPage) jobs(t testing.TB) [][]byte {
	t.Helper()
	wire, err := jobTable.AppendWireList(nil, pageOfJobs(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	var list jobgatev1.ListProjectJobsResponse
	if err := proto.Unmarshal(wire, &list); err != nil {
		t.Fatal(err)
	}
	var jobs [][]byte
	for i, job := range list.GetJobs() {
		for _, edit := range p.edit {
			edit(job, i)
		}
		jobs = append(jobs, wireOf(t, job))
	}
	return jobs
}

// list returns the wire form and the JSON of the list.
func (p jobsPage) list(t testing.TB) (wire, text []byte) {
	t.Helper()
	wire = listOf(p.jobs(t))
	text, err := jobTable.AppendJSONList(nil, wire, 1)
	if err != nil {
		t.Fatal(err)
	}
	return wire, text
}

func wireOf(t testing.TB, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// varyJob changes what differs between the jobs of a pipeline.
func varyJob(job *jobgatev1.Job, i int) {
	job.Id += int64(i)
	job.Name = fmt.Sprintf("%s %d/%d", job.GetName(), i+1, 100)
	job.WebUrl = fmt.Sprintf("https://gitlab.example.com/acme/widgets/-/jobs/%d", job.GetId())
	job.Duration = new(float64(76466001+i*977) / 1e6)
	job.QueuedDuration = new(float64(1203951+i*1013) / 1e6)
	job.CreatedAt.Seconds += int64(i)
	job.StartedAt.Nanos -= int32(i) * 1e6
	job.FinishedAt.Seconds += int64(i)
	job.ArtifactsExpireAt.Seconds += int64(i)
	for _, a := range job.GetArtifacts() {
		a.Size = new(a.GetSize() + int64(i*31))
	}
	job.ArtifactsFile.Size = job.GetArtifacts()[0].Size
	job.RunnerManager.SystemId = fmt.Sprintf("s_6f7e8d9c%04x", i)
}

// varyParts changes what belongs to a pipeline or a runner as well.
func varyParts(job *jobgatev1.Job, i int) {
	job.User.Id += int64(i)
	job.User.Username += fmt.Sprint(i)
	job.Commit.Id = fmt.Sprintf("%08x%s", i, job.GetCommit().GetId()[8:])
	job.Commit.Title += fmt.Sprint(i)
	job.Pipeline.Id += int64(i)
	job.Pipeline.Iid += int64(i)
	job.Runner.Id += int64(i)
	job.Project.CiJobTokenScopeEnabled = i%2 == 0
}

// moveZone gives a job the residue that it has from an instance in another zone.
func moveZone(job *jobgatev1.Job, _ int) {
	extra := func(names string) map[string]string {
		all := map[string]string{}
		for name := range strings.FieldsSeq(names) {
			all[name] = `"2026-03-04T12:22:40.180+02:00"`
		}
		return all
	}
	job.Extra = extra("created_at started_at finished_at artifacts_expire_at")
	job.User.Extra = extra("created_at")
	job.Pipeline.Extra = extra("created_at updated_at")
	job.Runner.Extra = extra("created_at")
	job.RunnerManager.Extra = extra("created_at contacted_at")
}
