package sandbox_test

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// errorCases reach every row of contract section 3 through the API itself.
func errorCases() map[string]exchange {
	const (
		unauthorized = `{"message":"401 Unauthorized"}`
		forbidden    = `{"message":"403 Forbidden"}`
		jobNotFound  = `{"message":"404 Not found"}`
	)
	m, d := by(maintainer), by(developer)
	return map[string]exchange{
		"3/400 bad scope":           {method: "GET", target: widgets + "/jobs?scope=cancelled", as: m, status: 400, want: `{"error":"scope does not have a valid value"}`},
		"3/400 empty scope":         {method: "GET", target: widgets + "/jobs?scope=", as: m, status: 400, want: `{"error":"scope does not have a valid value"}`},
		"3/400 job_id":              {method: "GET", target: widgets + "/jobs/abc", as: m, status: 400, want: `{"error":"job_id is invalid"}`},
		"3/400 pipeline_id":         {method: "GET", target: widgets + "/pipelines/abc/jobs", as: m, status: 400, want: `{"error":"pipeline_id is invalid"}`},
		"3/400 page":                {method: "GET", target: widgets + "/jobs?page=x", as: m, status: 400, want: `{"error":"page is invalid"}`},
		"3/400 per_page":            {method: "GET", target: widgets + "/jobs?per_page=1.5", as: m, status: 400, want: `{"error":"per_page is invalid"}`},
		"3/400 per_page=0":          {method: "GET", target: widgets + "/jobs?per_page=0", as: m, status: 400, want: `{"error":"per_page has a value not allowed"}`},
		"3/400 byte_offset type":    {method: "GET", target: jobURL(sandbox.JobSuccess, "trace") + "?byte_offset=x", as: m, status: 400, want: `{"error":"byte_offset is invalid"}`},
		"3/400 byte_offset below 0": {method: "GET", target: jobURL(sandbox.JobSuccess, "trace") + "?byte_offset=-1", as: m, status: 400, want: `{"error":"byte_offset does not have a valid value"}`},
		"3/400 byte_limit type":     {method: "GET", target: jobURL(sandbox.JobSuccess, "trace") + "?byte_limit=x", as: m, status: 400, want: `{"error":"byte_limit is invalid"}`},
		"3/400 byte_limit=0":        {method: "GET", target: jobURL(sandbox.JobSuccess, "trace") + "?byte_limit=0", as: m, status: 400, want: `{"error":"byte_limit does not have a valid value"}`},
		"3/400 byte_limit=512001":   {method: "GET", target: jobURL(sandbox.JobSuccess, "trace") + "?byte_limit=512001", as: m, status: 400, want: `{"error":"byte_limit does not have a valid value"}`},
		"3/400 force":               {method: "POST", target: jobURL(sandbox.JobRunning, "cancel") + "?force=maybe", as: m, status: 400, want: `{"error":"force is invalid"}`},
		"3/400 include_retried":     {method: "GET", target: mainPL + "/jobs?include_retried=maybe", as: m, status: 400, want: `{"error":"include_retried is invalid"}`},
		"3/400 several faults":      {method: "GET", target: widgets + "/jobs?scope=x&page=y", as: m, status: 400, want: `{"error":"scope does not have a valid value, page is invalid"}`},
		"3/400 variable without key": {
			method: "POST", target: jobURL(sandbox.JobManual, "play"), kind: jsonType, body: `{"job_variables_attributes":[{"value":"a"}]}`, as: d, status: 400,
			want: `{"error":"job_variables_attributes[0][key] is missing"}`,
		},
		"3/400 two variables with faults": {
			method: "POST", target: jobURL(sandbox.JobManual, "play"), kind: jsonType, body: `{"job_variables_attributes":[{"value":"a"},{"key":"K"}]}`, as: d, status: 400,
			want: `{"error":"job_variables_attributes[0][key] is missing, job_variables_attributes[1][value] is missing"}`,
		},
		"3/400 unplayable":      {method: "POST", target: jobURL(sandbox.JobRunning, "play"), as: d, status: 400, want: `{"message":"400 Bad request - Unplayable Job"}`},
		"3/400 unknown input":   {method: "POST", target: jobURL(sandbox.JobFailed, "retry"), kind: jsonType, body: `{"inputs":{"foo":1}}`, as: d, status: 400, want: `{"message":"400 Bad request - Unknown input: foo"}`},
		"3/400 bad input value": {method: "POST", target: jobURL(sandbox.JobInputs, "play"), kind: jsonType, body: `{"job_inputs":{"environment":"development"}}`, as: d, status: 400, want: "{\"message\":\"400 Bad request - `environment` input: `development` cannot be used because it is not in the list of allowed options\"}"},

		"3/401 no credential":      {method: "GET", target: widgets + "/jobs", status: 401, want: unauthorized},
		"3/401 unknown token":      {method: "GET", target: widgets + "/jobs", as: by(as("glpat-unknown")), status: 401, want: unauthorized},
		"3/401 finished job":       {method: "GET", target: api + "/job", as: by(jobToken(sandbox.JobTokenFinished)), status: 401, want: unauthorized},
		"3/401 job token not here": {method: "GET", target: jobURL(sandbox.JobRunning), as: by(jobToken(sandbox.JobTokenRunning)), status: 401, want: unauthorized},
		"3/401 revoked token":      {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenRevoked)), status: 401, want: `{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}`},
		"3/401 expired token":      {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenExpired)), status: 401, want: `{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}`},
		"3/401 impersonation":      {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenImpersonation)), status: 401, want: `{"error":"invalid_token","error_description":"Token is an impersonation token but impersonation was disabled."}`},
		"3/401 DPoP":               {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenDPoP)), status: 401, want: `{"error":"dpop_error","error_description":"DPoP validation error: DPoP header is missing"}`},

		"3/403 insufficient_scope": {
			method: "POST", target: jobURL(sandbox.JobRunning, "cancel"), as: by(as(sandbox.TokenReadAPI)), status: 403,
			want: `{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api"}`,
		},
		"3/403 insufficient_granular_scope": {
			method: "POST", target: jobURL(sandbox.JobRunning, "cancel"), as: by(as(sandbox.TokenGranular)), status: 403,
			want: `{"error":"insufficient_granular_scope","error_description":"The fine-grained access token lacks a permission this request requires: cancel_job."}`,
		},
		"3/403 ability":       {method: "POST", target: jobURL(sandbox.JobRunning, "cancel"), as: by(as(sandbox.TokenReporter)), status: 403, want: forbidden},
		"3/403 not retryable": {method: "POST", target: jobURL(sandbox.JobRunning, "retry"), as: d, status: 403, want: `{"message":"403 Forbidden - Job is not retryable"}`},
		"3/403 not erasable":  {method: "POST", target: jobURL(sandbox.JobRunning, "erase"), as: m, status: 403, want: `{"message":"403 Forbidden - Job is not erasable!"}`},
		"3/403 blocked":       {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenBlocked)), status: 403, want: `{"message":"403 Forbidden - Your account has been blocked."}`},
		"3/403 allowlist": {
			method: "GET", target: widgets + "/jobs", as: by(jobToken(sandbox.JobTokenForeign)), status: 403,
			want: `{"message":"403 Forbidden - Authentication by CI/CD job token not allowed from proj to project #1."}`,
		},
		"3/403 job token policy": {
			method: "GET", target: widgets + "/jobs", as: by(jobToken(sandbox.JobTokenLimited)), status: 403,
			want: `{"message":"403 Forbidden - Insufficient permissions to access this resource in project #1. The following token permission is required: read_jobs."}`,
		},

		"3/404 project missing":  {method: "GET", target: api + "/projects/999/jobs", as: m, status: 404, want: `{"message":"404 Project Not Found"}`},
		"3/404 project hidden":   {method: "GET", target: api + "/projects/acme%2Fvault/jobs", as: d, status: 404, want: `{"message":"404 Project Not Found"}`},
		"3/404 job":              {method: "GET", target: jobURL(999999), as: m, status: 404, want: jobNotFound},
		"3/404 job elsewhere":    {method: "GET", target: jobURL(sandbox.JobDocs), as: m, status: 404, want: jobNotFound},
		"3/404 pipeline":         {method: "GET", target: widgets + "/pipelines/999/jobs", as: m, status: 404, want: jobNotFound},
		"3/404 not a job's":      {method: "GET", target: api + "/job", as: m, status: 404, want: `{"message":"404 Job Not Found"}`},
		"3/404 no such route":    {method: "GET", target: api + "/nothing/here", as: m, status: 404, want: `{"error":"404 Not Found"}`},
		"3/404 outside the API":  {method: "GET", target: "/users/sign_in", status: 404, want: `{"error":"404 Not Found"}`},
		"3/404 sudo to nobody":   {method: "GET", target: widgets + "/jobs?sudo=nobody", as: by(as(sandbox.TokenAdmin)), status: 404, want: `{"message":"404 User with ID or username 'nobody' Not Found"}`},
		"3/403 sudo by no admin": {method: "GET", target: widgets + "/jobs?sudo=ben", as: m, status: 403, want: `{"message":"403 Forbidden - Must be admin to use sudo"}`},

		"3/405 wrong method":  {method: "DELETE", target: widgets + "/jobs", as: m, status: 405, want: `{"error":"405 Not Allowed"}`},
		"3/405 keyset order":  {method: "GET", target: widgets + "/jobs?pagination=keyset&order_by=id&sort=asc", as: m, status: 405, want: `{"error":"Keyset pagination is not yet available for this type of request"}`},
		"3/405 moved project": {method: "POST", target: api + "/projects/acme%2Fold-gadgets/jobs/401/retry", as: m, status: 405, want: `{"message":"Non GET methods are not allowed for moved projects"}`},
		"3/409 stats refresh": {method: "POST", target: api + "/projects/acme%2Fstats/jobs/901/erase", as: m, status: 409, want: `{"message":"Action temporarily disabled. The project this pipeline belongs to is undergoing stats refresh."}`},
		"3/409 resource lock": {method: "POST", target: jobURL(sandbox.JobLocked, "retry"), as: d, status: 409, want: `{"message":"409 Conflict: Resource lock"}`},
		"3/409 cancel, lock":  {method: "POST", target: jobURL(sandbox.JobLocked, "cancel"), as: d, status: 409, want: `{"message":"409 Conflict: Resource lock"}`},
		"3/409 erase, lock":   {method: "POST", target: jobURL(sandbox.JobLocked, "erase"), as: m, status: 409, want: `{"message":"409 Conflict: Resource lock"}`},
		"3/409 play, lock":    {method: "POST", target: jobURL(sandbox.JobLocked, "play"), as: d, status: 409, want: `{"message":"409 Conflict: Resource lock"}`},
		"3/410 API v3":        {method: "GET", target: "/api/v3/projects/1/jobs", status: 410, want: `{"error":"API V3 is no longer supported. Use API V4 instead."}`},
		"3/500 broken cursor": {method: "GET", target: widgets + "/jobs?pagination=keyset&cursor=%21", as: m, status: 500, want: `{"message":"500 Internal Server Error"}`},
	}
}

func TestErrors(t *testing.T) { runAll(t, errorCases()) }

func TestErrorsFollowTheSchema(t *testing.T) {
	schema := compile(t, "error")
	for name, tc := range errorCases() {
		t.Run(name, func(t *testing.T) { validate(t, schema, tc.want) })
	}
}

// Every JSON error of the sample file is reached by a case, or by the tests named here.
func TestErrorsCoverTheSamples(t *testing.T) {
	elsewhere := map[string]string{
		"offset too deep (only where the ops flag is on)": "TestOffsetTooDeep",
		"jobs_index limit": "TestJobsIndexLimit",
		"token without a scope the route takes (scope text varies by route)": "TestErrors, other scopes",
		"job token from a project outside the allowlist":                     "TestErrors, another id",
		"job token lacks a fine-grained permission":                          "TestErrors, another id",
	}
	raw, err := os.ReadFile("testdata/samples/errors.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		When   string `json:"when"`
		Status int    `json:"status"`
		Body   any    `json:"body"`
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		t.Fatal(err)
	}
	cases := errorCases()
	for _, row := range rows {
		if elsewhere[row.When] != "" {
			continue
		}
		reached := false
		for _, tc := range cases {
			var body any
			if tc.status == row.Status && json.Unmarshal([]byte(tc.want), &body) == nil {
				reached = reached || reflect.DeepEqual(body, row.Body)
			}
		}
		if !reached {
			t.Errorf("no case answers %d for %q", row.Status, row.When)
		}
	}
}

func TestDeadTokensChallenge(t *testing.T) {
	sb, _ := newBox()
	w := send(sb, "GET", widgets+"/jobs", as(sandbox.TokenRevoked))
	wantHeader(t, w, "WWW-Authenticate", `Bearer realm="Protected by OAuth 2.0", error="invalid_token", `+
		`error_description="Token was revoked. You have to re-authorize from the user."`)
	for name, change := range map[string]change{"3/401 none": nobody, "3/403 scope": as(sandbox.TokenNoScope)} {
		t.Run(name, func(t *testing.T) {
			wantNoHeader(t, send(sb, "GET", widgets+"/jobs", change), "WWW-Authenticate")
		})
	}
}

func TestFormsOfErrors(t *testing.T) {
	sb, _ := newBox()
	for _, target := range []string{widgets + "/jobs", api + "/nothing", "/api/v3/jobs"} {
		w := send(sb, "GET", target)
		wantHeader(t, w, "Content-Type", "application/json")
		wantHeader(t, w, "X-Frame-Options", "SAMEORIGIN")
		if w.Code == http.StatusOK {
			t.Errorf("%s is 200", target)
		}
	}
}
