package parity

import (
	"fmt"
	"slices"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// act is a write on a job of the main project.
func act(id int64, action string, changes ...change) call {
	return post(fmt.Sprintf("%s/jobs/%d/%s", widgets, id, action), changes...)
}

// look reads a job of the main project.
func look(id int64) call { return get(fmt.Sprintf("%s/jobs/%d", widgets, id), ada) }

// cancelable are jobs in each status that a cancel ends, and what it makes of them.
var cancelable = map[string]int64{
	"created": sandbox.JobCreated, "waiting-for-resource": sandbox.JobWaitingForResource,
	"preparing": sandbox.JobPreparing, "waiting-for-callback": sandbox.JobWaitingForCallback,
	"pending": sandbox.JobPending, "manual": sandbox.JobManual, "scheduled": sandbox.JobScheduled,
	"running": sandbox.JobRunningAbrupt,
}

// ended are jobs that a cancel leaves as they are.
var ended = map[string]int64{
	"success": sandbox.JobSuccess, "failed": sandbox.JobFailed, "canceling": sandbox.JobCanceling,
	"canceled": sandbox.JobCanceled, "skipped": sandbox.JobSkipped,
}

func variables(pairs string) change {
	return jsonBody(`{"job_variables_attributes":` + pairs + `}`)
}

var section7Writes = section{"7 Endpoints that write", []rule{
	{"7.8 POST …/cancel: 201; what can be canceled is, or is `canceling` while its runner ends it", slices.Concat(
		each(cancelable, func(name string, id int64) testCase {
			return c("7.8/cancel/"+name, 200, act(id, "cancel", ben), look(id)).says(`"status":"canceled"`)
		}),
		[]testCase{
			c("7.8/cancel/graceful", 201, act(sandbox.JobRunning, "cancel", ben)).says(`"status":"canceling"`),
			c("7.8/cancel/graceful-later", 200, act(sandbox.JobRunning, "cancel", ben), get(widgets+"/jobs/103", ada, after(20e9))).says(`"status":"canceled"`),
			c("7.8/cancel/twice", 201, act(sandbox.JobPending, "cancel", ben), act(sandbox.JobPending, "cancel", ben)),
			c("7.8/cancel/old", 201, act(sandbox.JobRunning, "cancel", ben)).old(),
		},
	)},
	{"7.8 What has ended, or is ending, is answered 201 unchanged", each(ended,
		func(name string, id int64) testCase { return c("7.8/ended/"+name, 201, act(id, "cancel", ben)) })},
	{"7.8 `force`: Maintainers only, ends what is canceling, does nothing to what runs", []testCase{
		c("7.8/force/canceling", 201, post(force+"?force=true", ada)).says(`"status":"canceled"`),
		c("7.8/force/running", 201, act(sandbox.JobRunning, "cancel", ada, form("force=true"))).says(`"status":"running"`),
		c("7.8/force/developer", 403, post(force+"?force=true", ben)).says(forbidden),
		c("7.8/force/false", 201, act(sandbox.JobRunning, "cancel", ada, jsonBody(`{"force":false}`))).says(`"canceling"`),
		c("7.8/force/old", 201, post(force+"?force=true", ben)).old(),
	}},
	{"7.8 The ability is asked before the job is looked up; a bridge is not found", []testCase{
		c("7.8/order/reporter", 403, act(999, "cancel", cleo)).says(forbidden),
		c("7.8/order/missing", 404, act(999, "cancel", ben)).says(notFound),
		c("7.8/order/bridge", 404, act(sandbox.JobBridgeRunning, "cancel", ben)).says(notFound),
		c("7.8/order/project", 404, post("/projects/999/jobs/1/cancel", ben)).says(noProject),
	}},
	{"7.9 POST …/retry: 201 with the new job; the old one keeps its status", []testCase{
		c("7.9/retry/failed", 201, act(sandbox.JobFailed, "retry", ben)).says(`"status":"pending"`),
		c("7.9/retry/old-one", 200, act(sandbox.JobFailed, "retry", ben), look(sandbox.JobFailed)).says(`"status":"failed"`),
		c("7.9/retry/hidden", 200, act(sandbox.JobFailed, "retry", ben), get(mainPL+"/jobs?per_page=100", ada)),
		c("7.9/retry/canceled", 201, act(sandbox.JobCanceled, "retry", ben)),
		c("7.9/retry/success", 201, act(sandbox.JobSuccess, "retry", ben)),
		c("7.9/retry/body", 201, act(sandbox.JobFailed, "retry", ben, jsonBody(`{}`))),
		c("7.9/retry/path", 201, post("/projects/acme%2Fwidgets/jobs/102/retry", ben)),
	}},
	{"7.9 A bridge comes back as a Job", []testCase{
		c("7.9/bridge/failed", 201, act(sandbox.JobBridgeFailed, "retry", ben)).says(`"tag_list":["bridge"]`),
		c("7.9/bridge/old", 404, act(sandbox.JobBridgeFailed, "retry", ben)).old(),
	}},
	{"7.9 `inputs` are compared with what the job declares; `job_inputs` is not a name here", []testCase{
		c("7.9/inputs/unknown", 400, act(sandbox.JobFailed, "retry", ben, jsonBody(`{"inputs":{"foo":"bar"}}`))).says("Unknown input: foo"),
		c("7.9/inputs/empty", 201, act(sandbox.JobFailed, "retry", ben, jsonBody(`{"inputs":{}}`))),
		c("7.9/inputs/null", 201, act(sandbox.JobFailed, "retry", ben, jsonBody(`{"inputs":null}`))),
		c("7.9/inputs/documented-name", 201, act(sandbox.JobFailed, "retry", ben, jsonBody(`{"job_inputs":{"foo":1}}`))),
		c("7.9/inputs/form", 400, act(sandbox.JobFailed, "retry", ben, form("inputs[foo]=bar"))),
		c("7.9/inputs/good", 201, act(sandbox.JobInputs, "play", ben),
			act(sandbox.JobInputs, "retry", ben, after(600e9), jsonBody(`{"inputs":{"environment":"staging","dry_run":true}}`))),
		c("7.9/inputs/types", 400, act(sandbox.JobInputs, "play", ben),
			act(sandbox.JobInputs, "retry", ben, after(600e9), jsonBody(`{"inputs":{"environment":"staging","dry_run":1}}`))).says("provided value is not a boolean"),
		c("7.9/inputs/list", 400, act(sandbox.JobFailed, "retry", ben, jsonBody(`{"inputs":[]}`))),
	}},
	{"7.9 What cannot be retried is 403; an unknown job is 404 before that", slices.Concat(
		each(map[string]int64{
			"running": sandbox.JobRunning, "manual": sandbox.JobManual, "archived": sandbox.JobArchived,
			"retried": sandbox.JobRetried, "created": sandbox.JobCreated,
		}, func(name string, id int64) testCase {
			return c("7.9/not/"+name, 403, act(id, "retry", ben)).says("Job is not retryable")
		}),
		[]testCase{
			c("7.9/not/missing", 404, act(999, "retry", cleo)).says(notFound),
			c("7.9/not/reporter", 403, act(sandbox.JobFailed, "retry", cleo)).says(forbidden),
			c("7.9/not/locked", 409, act(sandbox.JobLocked, "retry", ben)),
		},
	)},
	{"7.10 POST …/erase: 201; artifacts and log are gone then", []testCase{
		c("7.10/erase/job", 201, act(sandbox.JobSuccess, "erase", ada)).says(`"erased_at":"2026-03-04T12:00:00.000Z"`),
		c("7.10/erase/log", 200, act(sandbox.JobSuccess, "erase", ada), get(trace, ada)).says("Content-Length: 0"),
		c("7.10/erase/own", 201, act(sandbox.JobTopic, "erase", ben)),
		c("7.10/erase/read", 200, act(sandbox.JobSuccess, "erase", ada), look(sandbox.JobSuccess)).says(`"artifacts":[]`),
		c("7.10/erase/old", 201, act(sandbox.JobSuccess, "erase", ada)).old(),
	}},
	{"7.10 In this order: 404, 403, 403 `Job is not erasable!`, 409", []testCase{
		c("7.10/order/missing", 404, act(999, "erase", cleo)).says(notFound),
		c("7.10/order/bridge", 404, act(sandbox.JobBridge, "erase", ada)).says(notFound),
		c("7.10/order/ability", 403, act(sandbox.JobRunning, "erase", ben)).says(forbidden),
		c("7.10/order/unfinished", 403, act(sandbox.JobRunning, "erase", ada)).says("Job is not erasable!"),
		c("7.10/order/nothing-there", 403, act(sandbox.JobSilent, "erase", ada)).says("Job is not erasable!"),
		c("7.10/order/again", 403, act(sandbox.JobSuccess, "erase", ada), act(sandbox.JobSuccess, "erase", ada)).says("Job is not erasable!"),
		c("7.10/order/statistics", 409, post("/projects/9/jobs/901/erase", ada)),
	}},
	{"7.11 POST …/play: 200 with the job; its user is then the caller", []testCase{
		c("7.11/play/manual", 200, act(sandbox.JobManual, "play", ben)).says(`"username":"ben"`),
		c("7.11/play/scheduled", 200, act(sandbox.JobScheduled, "play", ben)),
		c("7.11/play/then-runs", 200, act(sandbox.JobManual, "play", ben), get(widgets+"/jobs/104", ada, after(5e9))).says(`"status":"running"`),
		c("7.11/play/path", 200, post("/projects/acme%2Fwidgets/jobs/104/play", ben)),
		c("7.11/play/old", 200, act(sandbox.JobManual, "play", ben)).old(),
	}},
	{"7.11 A finished job is played as a new one", []testCase{
		c("7.11/again/new-id", 200, act(sandbox.JobManualDone, "play", ben)).says(`"status":"pending"`),
		c("7.11/again/old-one", 200, act(sandbox.JobManualDone, "play", ben), look(sandbox.JobManualDone)).says(`"status":"success"`),
	}},
	{"7.11 A bridge is answered as a Bridge, and takes no inputs", []testCase{
		c("7.11/bridge/manual", 200, act(sandbox.JobBridgeManual, "play", ben)).says(`"downstream_pipeline":null`),
		c("7.11/bridge/then-triggers", 200, act(sandbox.JobBridgeManual, "play", ben), get(mainPL+"/bridges", ada, after(5e9))),
		c("7.11/bridge/inputs-ignored", 200, act(sandbox.JobBridgeManual, "play", ben, jsonBody(`{"job_inputs":{"foo":1}}`))),
		c("7.11/bridge/variables", 200, act(sandbox.JobBridgeManual, "play", ben, variables(`[{"key":"A","value":"1"}]`))),
		c("7.11/bridge/unplayable", 400, act(sandbox.JobBridge, "play", ben)).says("Unplayable Job"),
	}},
	{"7.11 Anything else is 400 `Unplayable Job`", each(map[string]int64{
		"running": sandbox.JobRunning, "pending": sandbox.JobPending, "success": sandbox.JobSuccess,
		"archived": sandbox.JobArchived, "created": sandbox.JobCreated,
	}, func(name string, id int64) testCase {
		return c("7.11/unplayable/"+name, 400, act(id, "play", ben)).says("Unplayable Job")
	})},
	{"7.11 `job_variables_attributes`: key and value, both texts", []testCase{
		c("7.11/variables/one", 200, act(sandbox.JobManual, "play", ben, variables(`[{"key":"A","value":"1"}]`))),
		c("7.11/variables/many", 200, act(sandbox.JobManual, "play", ben, variables(`[{"key":"A","value":"1"},{"key":"B","value":"a\nb"},{"key":"A","value":""}]`))),
		c("7.11/variables/none", 200, act(sandbox.JobManual, "play", ben, variables(`[]`))),
		c("7.11/variables/form", 200, act(sandbox.JobManual, "play", ben, form("job_variables_attributes[][key]=A&job_variables_attributes[][value]=1"))),
		c("7.11/variables/missing-key", 400, act(sandbox.JobManual, "play", ben, variables(`[{"value":"1"}]`))).says("job_variables_attributes[0][key] is missing"),
		c("7.11/variables/not-allowed", 403, post("/projects/3/jobs/303/play", ben, variables(`[{"key":"A","value":"1"}]`))).says(forbidden),
		c("7.11/variables/null", 200, act(sandbox.JobManual, "play", ben, variables(`null`))),
	}},
	{"7.11 `job_inputs` are compared with what the job declares, types included", []testCase{
		c("7.11/inputs/good", 200, act(sandbox.JobInputs, "play", ben, jsonBody(`{"job_inputs":{"environment":"production","dry_run":false}}`))),
		c("7.11/inputs/unknown", 400, act(sandbox.JobInputs, "play", ben, jsonBody(`{"job_inputs":{"foo":[1,2.50,{"a":null}]}}`))).says("Unknown input: foo"),
		c("7.11/inputs/not-allowed", 400, act(sandbox.JobInputs, "play", ben, jsonBody(`{"job_inputs":{"environment":"x"}}`))),
		c("7.11/inputs/type", 400, act(sandbox.JobInputs, "play", ben, form("job_inputs[dry_run]=true"))).says("provided value is not a boolean"),
		c("7.11/inputs/with-variables", 200, act(sandbox.JobInputs, "play", ben, jsonBody(`{"job_inputs":{"environment":"staging"},"job_variables_attributes":[{"key":"A","value":"1"}]}`))),
		c("7.11/inputs/other-name", 200, act(sandbox.JobInputs, "play", ben, jsonBody(`{"inputs":{"foo":1}}`))),
		c("7.11/inputs/empty", 200, act(sandbox.JobInputs, "play", ben, jsonBody(`{"job_inputs":{}}`))),
		c("7.11/inputs/null-value", 400, act(sandbox.JobInputs, "play", ben, jsonBody(`{"job_inputs":{"dry_run":null}}`))),
		c("7.11/inputs/duplicate", 200, act(sandbox.JobInputs, "play", ben, jsonBody(`{"job_inputs":{"environment":"x","environment":"staging"}}`))),
	}},
}}
