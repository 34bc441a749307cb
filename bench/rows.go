package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	restbenchv1 "github.com/jobgate/jobgate/bench/gen/restbench/v1"
	"github.com/jobgate/jobgate/bench/payload"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// row is a call that is measured: one job, or a page of n jobs.
type row struct {
	name    string
	n       int                // jobs in the answer; 0 is GetJob
	targets map[string]float64 // the most that gateway / peer should be
	goals   map[string]float64 // what it should become
	subject string             // the peer that is compared with the others, if not the gateway
}

var rows = []row{
	{name: "GetJob", targets: map[string]float64{"floor": 1.15, "clientgo": 0.5, "vanguard": 0.4}},
	{name: "list20", n: 20, targets: map[string]float64{"floor": 1.3, "clientgo": 0.2, "vanguard": 0.15}},
	{name: "list100", n: 100, targets: map[string]float64{"floor": 1.6, "clientgo": 0.15, "vanguard": 0.1}},
}

// call is a row's call on one peer: the method, and the requests to go through.
type call struct {
	method   string
	requests [][]byte
}

// newCall makes a row's call in the contract that the peer speaks.
func newCall(peerName string, v payload.Variant, r row) (call, error) {
	if peerName == "clientgo" {
		v = v.WithoutTrailers()
	}
	project := strconv.FormatInt(v.Project, 10)
	service, method := "/jobgate.v1.JobService/", "GetJob"
	var requests []proto.Message
	switch rest := peerName == "vanguard"; {
	case r.n > 0 && rest:
		requests = []proto.Message{&restbenchv1.ListProjectJobsRequest{Project: project, PerPage: int32(r.n)}}
	case r.n > 0:
		requests = []proto.Message{&jobgatev1.ListProjectJobsRequest{Project: project, PageSize: int32(r.n)}}
	case rest:
		for i := range payload.Count {
			requests = append(requests, &restbenchv1.GetJobRequest{Project: project, JobId: payload.JobID(i)})
		}
	default:
		for i := range payload.Count {
			requests = append(requests, &jobgatev1.GetJobRequest{Project: project, JobId: payload.JobID(i)})
		}
	}
	if r.n > 0 {
		method = "ListProjectJobs"
	}
	if peerName == "vanguard" {
		service = "/restbench.v1.JobService/"
	}
	c := call{method: service + method}
	for _, m := range requests {
		b, err := proto.Marshal(m)
		if err != nil {
			return call{}, err
		}
		c.requests = append(c.requests, b)
	}
	return c, nil
}

// answered is what every contract's answer must tell: which jobs they are.
type answered struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// readAnswer reads the jobs in a peer's answer.
func readAnswer(peerName string, r row, b []byte) (jobs []answered, err error) {
	switch {
	case answersJSON(peerName) && r.n > 0:
		err = json.Unmarshal(b, &jobs)
	case answersJSON(peerName):
		jobs = make([]answered, 1)
		err = json.Unmarshal(b, &jobs[0])
	case peerName == "vanguard" && r.n > 0:
		var m restbenchv1.ListProjectJobsResponse
		err = proto.Unmarshal(b, &m)
		for _, j := range m.GetJobs() {
			jobs = append(jobs, answered{j.GetId(), j.GetName()})
		}
	case peerName == "vanguard":
		var m restbenchv1.Job
		err = proto.Unmarshal(b, &m)
		jobs = []answered{{m.GetId(), m.GetName()}}
	case r.n > 0:
		var m jobgatev1.ListProjectJobsResponse
		err = proto.Unmarshal(b, &m)
		for _, j := range m.GetJobs() {
			jobs = append(jobs, answered{j.GetId(), j.GetName()})
		}
	default:
		var m jobgatev1.Job
		err = proto.Unmarshal(b, &m)
		jobs = []answered{{m.GetId(), m.GetName()}}
	}
	return jobs, err
}

// answersJSON says whether a peer answers GitLab's own bytes.
func answersJSON(peerName string) bool {
	return peerName == "floor" || peerName == "relay" || peerName == "memory"
}

// wantAnswer is what a row's first request must be answered with.
func wantAnswer(v payload.Variant, r row) (jobs []answered, err error) {
	var body []byte
	if r.n > 0 {
		body, err = v.List(r.n)
	} else {
		body, err = v.Job(0)
		body = append(append([]byte{'['}, body...), ']')
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &jobs); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	return jobs, nil
}

// answerSize is the size of a row's answer in GitLab's JSON, or its mean.
func answerSize(v payload.Variant, r row) (int, error) {
	if r.n > 0 {
		page, err := v.List(r.n)
		return len(page), err
	}
	total := 0
	for i := range payload.Count {
		job, err := v.Job(i)
		if err != nil {
			return 0, err
		}
		total += len(job)
	}
	return total / payload.Count, nil
}
