package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/jobgate/jobgate/bench/payload"
)

// verifyREST makes a row's first call and compares the answer with what the
// upstream sent, so that nobody is measured doing something else. What grpc-gateway
// writes is another JSON: of it the jobs are counted.
func verifyREST(work *httpLoad, peerName string, v payload.Variant, r row) error {
	resp, body, err := work.first()
	if err != nil {
		return err
	}
	if resp.StatusCode != work.status {
		return fmt.Errorf("answered %s: %.200s", resp.Status, body)
	}
	if peerName == grpcGatewayName {
		return countJobs(body, r)
	}
	want, err := v.Job(0)
	if r.n > 0 {
		want, err = v.List(r.n)
	}
	if err != nil {
		return err
	}
	same, err := sameJSON(want, body)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("answered another value than the upstream: %.200s", body)
	}
	return sameHeaders(resp.Header, v, r)
}

// sameJSON says whether two texts are the same JSON value, numbers by their digits.
func sameJSON(a, b []byte) (bool, error) {
	var values [2]any
	for i, text := range [][]byte{a, b} {
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.UseNumber()
		if err := decoder.Decode(&values[i]); err != nil {
			return false, err
		}
	}
	return reflect.DeepEqual(values[0], values[1]), nil
}

// sameHeaders refuses an answer that lacks a header of GitLab's, or has another
// value in it. Links may name another host.
func sameHeaders(got http.Header, v payload.Variant, r row) error {
	extra := ""
	if r.n > 0 {
		extra, _ = pageHeaders(v, r.n)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(gitlabHeaders+extra), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		name = http.CanonicalHeaderKey(name)
		switch values := got[name]; {
		case name == "Date":
		case len(values) != 1:
			return fmt.Errorf("header %s is there %d times", name, len(values))
		case name != "Link" && values[0] != value:
			return fmt.Errorf("header %s is %q, want %q", name, values[0], value)
		}
	}
	return nil
}

// countJobs counts the jobs in grpc-gateway's answer.
func countJobs(body []byte, r row) error {
	var page struct {
		ID   string            `json:"id"`
		Jobs []json.RawMessage `json:"jobs"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return err
	}
	if r.n == 0 && page.ID == "" || len(page.Jobs) != r.n {
		return fmt.Errorf("answered %d jobs, want %d: %.200s", len(page.Jobs), r.n, body)
	}
	return nil
}
