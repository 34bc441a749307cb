package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestCredentialPlaces(t *testing.T) {
	jobs := widgets + "/jobs"
	foreign := by(jobToken(sandbox.JobTokenForeign))
	runAll(t, map[string]exchange{
		"2 private_token parameter":        {method: "GET", target: jobs + "?private_token=" + sandbox.TokenDeveloper, status: 200},
		"2 PRIVATE-TOKEN":                  {method: "GET", target: jobs, as: by(developer), status: 200},
		"2 Bearer":                         {method: "GET", target: jobs, as: by(bearer(sandbox.TokenDeveloper)), status: 200},
		"2 private_token in a form":        {method: "POST", target: jobURL(sandbox.JobManual, "play"), kind: formType, body: "private_token=" + sandbox.TokenDeveloper, status: 200},
		"2 private_token in JSON":          {method: "POST", target: jobURL(sandbox.JobManual, "play"), kind: jsonType, body: `{"private_token":"` + sandbox.TokenDeveloper + `"}`, status: 200},
		"2 parameter wins over header":     {method: "GET", target: jobs + "?private_token=bad", as: by(developer), status: 401},
		"2 header wins over Bearer":        {method: "GET", target: jobs, as: by(as("bad"), bearer(sandbox.TokenDeveloper)), status: 401},
		"2 OAuth as Bearer":                {method: "GET", target: jobs, as: by(bearer(sandbox.TokenOAuth)), status: 200},
		"2 OAuth as access_token":          {method: "GET", target: jobs + "?access_token=" + sandbox.TokenOAuth, status: 200},
		"2 OAuth as bearer_token":          {method: "GET", target: jobs + "?bearer_token=" + sandbox.TokenOAuth, status: 200},
		"2 access_token wins over Bearer":  {method: "GET", target: jobs + "?access_token=bad", as: by(bearer(sandbox.TokenOAuth)), status: 401},
		"2 Bearer wins over bearer_token":  {method: "GET", target: jobs + "?bearer_token=bad", as: by(bearer(sandbox.TokenOAuth)), status: 200},
		"2 OAuth wins over PRIVATE-TOKEN":  {method: "GET", target: jobs, as: by(as("bad"), bearer(sandbox.TokenOAuth)), status: 200},
		"2 job token as access_token":      {method: "GET", target: api + "/job?access_token=" + sandbox.JobTokenRunning, status: 200},
		"2 job token is no PRIVATE-TOKEN":  {method: "GET", target: api + "/job", as: by(as(sandbox.JobTokenRunning)), status: 401},
		"2 job token, both headers":        {method: "GET", target: api + "/job", as: by(as(sandbox.JobTokenRunning), jobToken(sandbox.JobTokenRunning)), status: 200},
		"2 finished job, Bearer, public":   {method: "GET", target: api + "/projects/2/pipelines/200/jobs", as: by(bearer(sandbox.JobTokenFinished)), status: 200},
		"2 OAuth is no PRIVATE-TOKEN":      {method: "GET", target: jobs, as: by(as(sandbox.TokenOAuth)), status: 401},
		"2 OAuth expired":                  {method: "GET", target: jobs, as: by(bearer(sandbox.TokenOAuthExpired)), status: 401},
		"2 job_token parameter":            {method: "GET", target: api + "/job?job_token=" + sandbox.JobTokenRunning, status: 200},
		"2 token parameter":                {method: "GET", target: api + "/job?token=" + sandbox.JobTokenRunning, status: 200},
		"2 JOB-TOKEN":                      {method: "GET", target: api + "/job", as: by(jobToken(sandbox.JobTokenRunning)), status: 200},
		"2 job token as Bearer":            {method: "GET", target: api + "/job", as: by(bearer(sandbox.JobTokenRunning)), status: 200},
		"2 job_token wins over token":      {method: "GET", target: api + "/job?token=" + sandbox.JobTokenRunning + "&job_token=bad", status: 401},
		"2 token wins over JOB-TOKEN":      {method: "GET", target: api + "/job?token=bad", as: by(jobToken(sandbox.JobTokenRunning)), status: 401},
		"2 job Bearer before access token": {method: "GET", target: api + "/job", as: by(bearer(sandbox.JobTokenRunning), developer), status: 200},
		"2 access token before JOB-TOKEN":  {method: "GET", target: api + "/job", as: by(jobToken(sandbox.JobTokenRunning), developer), status: 404},
		"2 job token too long":             {method: "GET", target: api + "/job", as: by(jobToken(strings.Repeat("x", 8193))), status: 401},
		"2 Basic is no credential":         {method: "GET", target: jobs, as: by(header("Authorization", "Basic YWRhOnNlY3JldA==")), status: 401},
		"2 one header twice":               {method: "GET", target: jobs, as: by(developer, add("PRIVATE-TOKEN", sandbox.TokenDeveloper)), status: 401},
		"2 one header twice, job token":    {method: "GET", target: api + "/job", as: by(jobToken("bad"), add("JOB-TOKEN", sandbox.JobTokenRunning)), status: 401},
		"2 session cookie":                 {method: "GET", target: jobs, as: by(header("Cookie", "_gitlab_session="+sandbox.Session)), status: 200},
		"2 session POST without CSRF":      {method: "POST", target: jobURL(sandbox.JobManual, "play"), as: by(header("Cookie", "_gitlab_session="+sandbox.Session)), status: 401},
		"2 session POST with CSRF": {
			method: "POST", target: jobURL(sandbox.JobManual, "play"),
			as: by(header("Cookie", "_gitlab_session="+sandbox.Session), header("X-CSRF-Token", sandbox.CSRFToken)), status: 200,
		},
		"2 foreign token, public pipelines": {method: "GET", target: api + "/projects/2/pipelines/200/jobs", as: foreign, status: 200},
		"2 foreign token, public bridges":   {method: "GET", target: api + "/projects/2/pipelines/200/bridges", as: foreign, status: 200},
		"2 foreign token, internal project": {method: "GET", target: api + "/projects/11/pipelines/1100/jobs", as: foreign, status: 200},
		"2 foreign token, public jobs":      {method: "GET", target: api + "/projects/2/jobs", as: foreign, status: 403},
		"2 foreign token, private bridges":  {method: "GET", target: mainPL + "/bridges", as: foreign, status: 403},
		"2 foreign token, missing project":  {method: "GET", target: api + "/projects/999/jobs", as: foreign, status: 404},
		"2 allowlisted token":               {method: "GET", target: api + "/projects/4/jobs", as: by(jobToken(sandbox.JobTokenRunning)), status: 200},
		"2 limited token names its policy": {
			method: "GET", target: mainPL + "/bridges", as: by(jobToken(sandbox.JobTokenLimited)), status: 403,
			want: `{"message":"403 Forbidden - Insufficient permissions to access this resource in project #1. The following token permission is required: read_pipelines."}`,
		},
	})
}

// Requests tells by which credential a call would be judged.
func TestCaller(t *testing.T) {
	for name, tc := range map[string]struct {
		target string
		as     []change
		want   sandbox.Caller
	}{
		"2 nobody":                 {api + "/job", nil, sandbox.Caller{}},
		"2 parameter over header":  {widgets + "/jobs?private_token=a", by(as("b")), sandbox.Caller{Kind: sandbox.KindAccessToken, Token: "a"}},
		"2 an access token Bearer": {widgets + "/jobs", by(bearer("a")), sandbox.Caller{Kind: sandbox.KindAccessToken, Token: "a"}},
		"2 OAuth":                  {widgets + "/jobs?access_token=" + sandbox.TokenOAuth, by(as("b")), sandbox.Caller{Kind: sandbox.KindBearer, Token: sandbox.TokenOAuth}},
		"2 job token":              {api + "/job?token=a", by(jobToken("b")), sandbox.Caller{Kind: sandbox.KindJobToken, Token: "a"}},
		"2 job token, no use":      {jobURL(1) + "?token=a", nil, sandbox.Caller{}},
		"2 session":                {widgets + "/jobs", by(header("Cookie", "_gitlab_session=a")), sandbox.Caller{Kind: sandbox.KindSession, Token: "a"}},
		"2 sudo":                   {widgets + "/jobs?sudo=a", by(header("Sudo", "b")), sandbox.Caller{Sudo: "a"}},
		"2 no such route":          {api + "/x", by(as("b")), sandbox.Caller{Kind: sandbox.KindAccessToken, Token: "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			sb, _ := newBox()
			send(sb, "GET", tc.target, tc.as...)
			if got := *sb.Requests()[0].Caller; got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
	sb, _ := newBox()
	w := sendBody(sb, "POST", jobURL(sandbox.JobManual, "play"), jsonType, `{"sudo":4821902}`, as(sandbox.TokenAdmin))
	wantStatus(t, w, http.StatusOK)
	if got := object(t, w)["user"].(map[string]any)["username"]; got != "ben" {
		t.Errorf("2 sudo as a number: the user is %v", got)
	}
}

func TestRoutesOfJobTokens(t *testing.T) {
	token := by(jobToken(sandbox.JobTokenRunning))
	cases := map[string]exchange{
		"2 job token lists the project":  {method: "GET", target: widgets + "/jobs", as: token, status: 200},
		"2 job token lists the pipeline": {method: "GET", target: mainPL + "/jobs", as: token, status: 200},
		"2 job token lists bridges":      {method: "GET", target: mainPL + "/bridges", as: token, status: 200},
		"2 job token lists trigger jobs": {method: "GET", target: mainPL + "/trigger_jobs", as: token, status: 200},
		"2 job token asks for its job":   {method: "GET", target: api + "/job", as: token, status: 200},
		"2 job token asks for agents":    {method: "GET", target: api + "/job/allowed_agents", as: token, status: 200},
		"2 job token, single job":        {method: "GET", target: jobURL(sandbox.JobRunning), as: token, status: 401},
		"2 job token, trace":             {method: "GET", target: jobURL(sandbox.JobRunning, "trace"), as: token, status: 401},
		"2 job token Bearer, trace":      {method: "GET", target: jobURL(sandbox.JobRunning, "trace"), as: by(bearer(sandbox.JobTokenRunning)), status: 401},
	}
	for _, action := range []string{"cancel", "retry", "erase", "play"} {
		cases["2 job token, "+action] = exchange{method: "POST", target: jobURL(sandbox.JobRunning, action), as: token, status: 401}
	}
	runAll(t, cases)
}

func TestAnonymous(t *testing.T) {
	cases := map[string]exchange{
		"2 anonymous, project jobs of a public project": {method: "GET", target: api + "/projects/2/jobs", status: 401},
		"2 anonymous, public pipelines":                 {method: "GET", target: api + "/projects/2/pipelines/200/jobs", status: 200},
		"2 anonymous, public bridges":                   {method: "GET", target: api + "/projects/acme%2Fdocs/pipelines/200/bridges", status: 200},
		"2 anonymous, public trigger jobs":              {method: "GET", target: api + "/projects/2/pipelines/200/trigger_jobs", status: 200},
		"2 anonymous, private project":                  {method: "GET", target: mainPL + "/jobs", status: 404, want: `{"message":"404 Project Not Found"}`},
		"2 anonymous, internal project":                 {method: "GET", target: api + "/projects/11/pipelines/1100/jobs", status: 404},
		"2 anonymous, pipelines not public":             {method: "GET", target: api + "/projects/7/pipelines/700/jobs", status: 403, want: `{"message":"403 Forbidden"}`},
		"2 anonymous, bad scope on jobs is 401":         {method: "GET", target: widgets + "/jobs?scope=x", status: 401},
		"2 anonymous, bad scope on pipelines is 400":    {method: "GET", target: api + "/projects/999/pipelines/1/jobs?scope=x", status: 400},
		"2 unknown token on a public pipeline":          {method: "GET", target: api + "/projects/2/pipelines/200/jobs", as: by(as("bad")), status: 401},
		"2 anonymous, single job":                       {method: "GET", target: api + "/projects/2/jobs/201", status: 401},
		"2 anonymous, trace":                            {method: "GET", target: api + "/projects/2/jobs/201/trace", status: 401},
		"2 anonymous, token job":                        {method: "GET", target: api + "/job", status: 401},
		"2 anonymous, agents":                           {method: "GET", target: api + "/job/allowed_agents", status: 401},
	}
	for _, action := range []string{"cancel", "retry", "erase", "play"} {
		cases["2 anonymous, "+action] = exchange{method: "POST", target: api + "/projects/2/jobs/201/" + action, status: 401}
	}
	runAll(t, cases)
}

func TestScopes(t *testing.T) {
	play := jobURL(sandbox.JobManual, "play")
	granular := by(as(sandbox.TokenGranular))
	runAll(t, map[string]exchange{
		"2 read_api reads":              {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenReadAPI)), status: 200},
		"2 read_api HEAD":               {method: "HEAD", target: widgets + "/jobs", as: by(as(sandbox.TokenReadAPI)), status: 200},
		"2 ai_workflows reads":          {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenAIWorkflows)), status: 200},
		"2 ai_workflows writes nothing": {method: "POST", target: play, as: by(as(sandbox.TokenAIWorkflows)), status: 403},
		"2 read_api does not play":      {method: "POST", target: play, as: by(as(sandbox.TokenReadAPI)), status: 403},
		"2 read_user reads nothing": {
			method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenNoScope)), status: 403,
			want: `{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api ai_workflows"}`,
		},
		"2 fine-grained read_job":       {method: "GET", target: jobURL(sandbox.JobSuccess), as: granular, status: 200},
		"2 fine-grained, other reads":   {method: "GET", target: mainPL + "/jobs", as: granular, status: 403},
		"2 fine-grained, other bridges": {method: "GET", target: mainPL + "/bridges", as: granular, status: 403},
		"2 fine-grained, play":          {method: "POST", target: play, as: granular, status: 403},
		"2 DPoP with a proof":           {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenDPoP), header("DPoP", "a.b.c")), status: 200},
		"2 DPoP with a broken proof":    {method: "GET", target: widgets + "/jobs", as: by(as(sandbox.TokenDPoP), header("DPoP", "abc")), status: 401},
	})
}

// The table of roles in section 2, one line per ability: guest, reporter, developer, maintainer.
func TestRoles(t *testing.T) {
	roles := []string{sandbox.TokenGuest, sandbox.TokenReporter, sandbox.TokenDeveloper, sandbox.TokenMaintainer}
	nested := api + "/projects/3"
	for name, tc := range map[string]struct {
		method, target string
		want           [4]int
	}{
		"2 read":                         {"GET", widgets + "/jobs", [4]int{403, 200, 200, 200}},
		"2 read a pipeline":              {"GET", mainPL + "/jobs", [4]int{403, 200, 200, 200}},
		"2 read bridges":                 {"GET", mainPL + "/bridges", [4]int{403, 200, 200, 200}},
		"2 read a job":                   {"GET", jobURL(sandbox.JobSuccess), [4]int{403, 200, 200, 200}},
		"2 public pipelines, guests too": {"GET", nested + "/jobs", [4]int{200, 404, 200, 200}},
		"2 trace":                        {"GET", jobURL(sandbox.JobSuccess, "trace"), [4]int{403, 200, 200, 200}},
		"2 trace of a debug job":         {"GET", jobURL(sandbox.JobDebug, "trace"), [4]int{403, 403, 200, 200}},
		"2 the debug job itself":         {"GET", jobURL(sandbox.JobDebug), [4]int{403, 200, 200, 200}},
		"2 cancel":                       {"POST", jobURL(sandbox.JobRunning, "cancel"), [4]int{403, 403, 201, 201}},
		"2 force cancel":                 {"POST", jobURL(sandbox.JobCanceling, "cancel") + "?force=true", [4]int{403, 403, 403, 201}},
		"2 retry":                        {"POST", jobURL(sandbox.JobFailed, "retry"), [4]int{403, 403, 201, 201}},
		"2 retry on a protected ref":     {"POST", jobURL(sandbox.JobStable, "retry"), [4]int{403, 403, 403, 201}},
		"2 play":                         {"POST", jobURL(sandbox.JobManual, "play"), [4]int{403, 403, 200, 200}},
		"2 play with variables": {
			"POST", nested + "/jobs/303/play?job_variables_attributes[][key]=A&job_variables_attributes[][value]=1",
			[4]int{403, 404, 403, 200},
		},
		"2 erase":                   {"POST", jobURL(sandbox.JobSuccess, "erase"), [4]int{403, 403, 403, 201}},
		"2 erase by who started it": {"POST", jobURL(sandbox.JobTopic, "erase"), [4]int{403, 403, 201, 201}},
	} {
		for i, token := range roles {
			t.Run(fmt.Sprintf("%s/%s", name, token), func(t *testing.T) {
				sb, _ := newBox()
				wantStatus(t, send(sb, tc.method, tc.target, as(token)), tc.want[i])
			})
		}
	}
}

func TestSudo(t *testing.T) {
	jobs := api + "/projects/acme%2Fvault/jobs"
	admin := as(sandbox.TokenAdmin)
	runAll(t, map[string]exchange{
		"2 sudo by header":       {method: "GET", target: jobs, as: by(admin, header("Sudo", "ada")), status: 200},
		"2 sudo by parameter":    {method: "GET", target: jobs + "?sudo=ADA", as: by(admin), status: 200},
		"2 sudo by id":           {method: "GET", target: jobs + "?sudo=4821901", as: by(admin), status: 200},
		"2 sudo takes rights":    {method: "GET", target: jobs + "?sudo=ben", as: by(admin), status: 404},
		"2 sudo anonymously":     {method: "GET", target: jobs + "?sudo=ada", status: 401},
		"2 sudo to nobody":       {method: "GET", target: jobs + "?sudo=x", as: by(admin), status: 404, want: `{"message":"404 User with ID or username 'x' Not Found"}`},
		"2 sudo by session":      {method: "GET", target: jobs + "?sudo=ada", as: by(header("Cookie", "_gitlab_session="+sandbox.Session)), status: 403, want: `{"message":"403 Forbidden - Must be authenticated using an OAuth or personal access token to use sudo"}`},
		"2 sudo by job token":    {method: "GET", target: widgets + "/jobs?sudo=ada", as: by(jobToken(sandbox.JobTokenAdmin)), status: 403, want: `{"message":"403 Forbidden - Must be authenticated using an OAuth or personal access token to use sudo"}`},
		"2 sudo without scope":   {method: "GET", target: jobs + "?sudo=ada", as: by(as(sandbox.TokenAdminNoSudo)), status: 403, want: `{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"sudo"}`},
		"2 sudo by no admin":     {method: "GET", target: jobs + "?sudo=ben", as: by(maintainer), status: 403},
		"2 admin without sudo":   {method: "GET", target: jobs, as: by(admin), status: 200},
		"2 sudo, public, nobody": {method: "GET", target: api + "/projects/2/pipelines/200/jobs?sudo=ada", status: 401},
	})
}

func TestSudoIsWhoPlays(t *testing.T) {
	sb, _ := newBox()
	w := send(sb, "POST", jobURL(sandbox.JobManual, "play"), as(sandbox.TokenAdmin), header("Sudo", "ben"))
	wantStatus(t, w, http.StatusOK)
	user, _ := object(t, w)["user"].(map[string]any)
	if user["username"] != "ben" {
		t.Errorf("2 sudo: user %v", user["username"])
	}
}

// A job token lives as long as its job runs.
func TestJobTokenLivesWithItsJob(t *testing.T) {
	sb, clk := newBox()
	for _, want := range []int{401, 200, 401} {
		wantStatus(t, send(sb, "GET", api+"/job", jobToken(sandbox.JobTokenLive)), want)
		clk.advance(35e9)
		if want == 200 {
			clk.advance(35e9)
		}
	}
}

func TestRevoke(t *testing.T) {
	sb, _ := newBox()
	if !sb.Revoke(sandbox.TokenDeveloper) || !sb.Revoke(sandbox.JobTokenRunning) || sb.Revoke("unknown") {
		t.Error("Revoke does not tell which tokens exist")
	}
	w := send(sb, "GET", widgets+"/jobs", developer)
	wantStatus(t, w, http.StatusUnauthorized)
	if !strings.Contains(w.Body.String(), "Token was revoked") {
		t.Errorf("body %s", w.Body)
	}
	w = send(sb, "GET", api+"/job", jobToken(sandbox.JobTokenRunning))
	wantBody(t, w, `{"message":"401 Unauthorized"}`)
	sb.Reset()
	wantStatus(t, send(sb, "GET", widgets+"/jobs", developer), http.StatusOK)
}
