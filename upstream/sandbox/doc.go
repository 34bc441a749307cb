// Package sandbox is a small GitLab: the Jobs API as an http.Handler, in memory, with projects,
// pipelines, jobs in every status, bridges, agents, and tokens with roles. It stands in for GitLab
// in tests of anything that calls the Jobs API.
//
//	sb := sandbox.New()
//	srv := httptest.NewServer(sb)
//	defer srv.Close()
//
//	req, _ := http.NewRequest("POST", srv.URL+"/api/v4/projects/acme%2Fwidgets/jobs/104/play", nil)
//	req.Header.Set("PRIVATE-TOKEN", sandbox.TokenDeveloper)
//	resp, err := http.DefaultClient.Do(req)
//
// Links name DefaultURL, as GitLab's do its configured host, whatever address they came from;
// WithURL changes that, and WithURL("") makes links that can be followed.
//
// What is in the world is named by constants: projects (ProjectWidgets), pipelines (PipelineMain),
// jobs (JobSuccess, JobRunning, JobManual, JobBridge), tokens (TokenMaintainer, JobTokenRunning).
// GET /-/sandbox/state lists it all.
//
// # Time
//
// Nothing ticks inside: what a job is at a moment is computed when somebody asks. A job that was
// played or retried is pending, runs three seconds later, writes its log line by line, and succeeds
// after forty more. What it has written shows as a runner sends it: in bursts, about one a second
// (WithFlush), which end anywhere, also within an escape sequence or a character. WithClock gives tests a clock of their own; one that returns a constant
// freezes the world. Equal seeds, clocks and requests give equal answers, byte for byte.
//
// # Tests
//
// Requests returns what arrived, so that a test can assert what was sent, by whom, and that it was
// sent once: parameters are there as GitLab merges them, and the credential that GitLab goes by.
// AddJob, SetStatus, SetTrace, GrowTrace, TruncateTrace, Erase and Revoke change the world behind
// the API's back. Reset starts over. Fail arms faults:
//
//	sb.Fail(sandbox.Match{Route: sandbox.RouteTrace}, sandbox.Fault{Kind: sandbox.ResetMidBody, Times: 1})
//
// Tests in other languages, and people, do the same over HTTP:
//
//	POST   /-/sandbox/faults   {"match":{"route":"trace"},"fault":{"kind":"reset_mid_body","times":1}}
//	DELETE /-/sandbox/faults
//	POST   /-/sandbox/reset
//	GET    /-/sandbox/state
//	PUT    /-/sandbox/jobs/103/trace   the log from now on; POST appends to it
//	DELETE /-/sandbox/jobs/103/trace   erases the job; with ?size=100 the log is cut there
//	PUT    /-/sandbox/jobs/103/status  a word such as failed
//
// SetLimits switches rate limits on, WithVersion(VersionOld) plays a server of the 15.6 era, and
// WithRangeFront puts a front end before it that sends parts of logs.
//
// Comments name the section of the contract, the project's description of GitLab's behaviour, that
// a rule comes from.
package sandbox
