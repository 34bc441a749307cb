package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/quota"
)

const (
	asJSON = "application/json"
	asText = "text/plain"
	asHTML = "text/html"
)

// rpc is one call of a client, for tables.
type rpc func(ctx context.Context, gw *gateway) error

// request is the same call on both faces.
type request struct {
	rpc
	method, path string
}

var (
	getJob           = request{get("acme/widgets", 7), "GET", "/projects/acme%2Fwidgets/jobs/7"}
	cancelJob        = request{cancelJobRPC, "POST", "/projects/acme%2Fwidgets/jobs/7/cancel"}
	listPipelineJobs = request{listPipelineJobsRPC, "GET", "/projects/acme%2Fwidgets/pipelines/6/jobs"}
	getTokenJob      = request{getTokenJobRPC, "GET", "/job"}
	getWithDots      = request{get("a/../b", 7), "GET", "/projects/a%2F..%2Fb/jobs/7"}
)

func cancelJobRPC(ctx context.Context, gw *gateway) error {
	_, err := gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "acme/widgets", JobId: 7})
	return err
}

func listPipelineJobsRPC(ctx context.Context, gw *gateway) error {
	_, err := gw.jobs.ListPipelineJobs(ctx, &jobgatev1.ListPipelineJobsRequest{Project: "acme/widgets", PipelineId: 6})
	return err
}

func getTokenJobRPC(ctx context.Context, gw *gateway) error {
	_, err := gw.jobs.GetTokenJob(ctx, &jobgatev1.GetTokenJobRequest{})
	return err
}

// errorCase is GitLab's behaviour and what becomes of it; row names the line of the
// table that it proves.
type errorCase struct {
	row     string
	gitlab  http.Handler
	call    request
	want    failure
	message string // part of the status message
}

// ownOverREST are the cases in which the REST face has no answer of GitLab's to repeat,
// and the status that it gives instead.
var ownOverREST = map[string]int{
	"hangs, read": 504, "hangs, write": 504, "resets, read": 502, "resets, write": 502,
	"201 without JSON, write": 502, "too large": 502, "HTML with 200": 502, "304 unasked": 502,
	"206 unasked": 502, "not UTF-8": 502, "cut short": 502,
}

func message(status int, words string) http.Handler {
	return answer(status, asJSON, `{"message":"`+words+`"}`)
}

func grape(status int, words string) http.Handler {
	return answer(status, asJSON, `{"error":"`+words+`"}`)
}

func token(status int, code, description string) http.Handler {
	return answer(status, asJSON, `{"error":"`+code+`","error_description":"`+description+`"}`)
}

var errorCases = map[string]errorCase{
	"project with dots":       {"the request breaks a rule of the gateway", message(200, ""), getWithDots, failure{codes.InvalidArgument, "INVALID_REQUEST", "project"}, "'..'"},
	"hangs, read":             {"the connection broke or timed out on a read", hangs(), getJob, failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}, "too long"},
	"hangs, write":            {"a write was sent and no usable answer came", hangs(), cancelJob, failure{codes.Unknown, "WRITE_OUTCOME_UNKNOWN", ""}, "too long"},
	"resets, read":            {"the connection broke or timed out on a read", resets(), getJob, failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}, ""},
	"resets, write":           {"a write was sent and no usable answer came", resets(), cancelJob, failure{codes.Unknown, "WRITE_OUTCOME_UNKNOWN", ""}, ""},
	"502, write":              {"a write was sent and no usable answer came", answer(502, asHTML, "<title>502 Bad Gateway</title>"), cancelJob, failure{codes.Unknown, "WRITE_OUTCOME_UNKNOWN", ""}, "502 Bad Gateway"},
	"201 without JSON, write": {"a write was sent and no usable answer came", answer(201, asHTML, "<p>hello"), cancelJob, failure{codes.Unknown, "WRITE_OUTCOME_UNKNOWN", ""}, ""},
	"too large":               {"the answer is larger than the bound", answer(200, asJSON, `{"id":1,"name":"`+strings.Repeat("x", 100<<10)+`"}`), getJob, failure{codes.ResourceExhausted, "UPSTREAM_TOO_LARGE", ""}, ""},
	"HTML with 200":           {"the answer is not what the API promises", answer(200, asHTML, "<title>Sign in</title>"), getJob, failure{codes.Internal, "UPSTREAM_MALFORMED", ""}, ""},
	"array for an object":     {"the answer is not what the API promises", answer(200, asJSON, `[]`), getJob, failure{codes.Internal, "UPSTREAM_MALFORMED", ""}, "an object"},
	"object for an array":     {"the answer is not what the API promises", answer(200, asJSON, `{}`), listPipelineJobs, failure{codes.Internal, "UPSTREAM_MALFORMED", ""}, "an array"},
	"304 unasked":             {"the answer is not what the API promises", answer(304, "", ""), getJob, failure{codes.Internal, "UPSTREAM_MALFORMED", ""}, "304"},
	"206 unasked":             {"the answer is not what the API promises", answer(206, asJSON, `{"id":1}`), getJob, failure{codes.Internal, "UPSTREAM_MALFORMED", ""}, "206"},
	"not UTF-8":               {"the answer is not what the API promises", answer(200, asJSON, "{\"name\":\"\xff\"}"), getJob, failure{codes.Internal, "UPSTREAM_MALFORMED", ""}, "UTF-8"},
	"cut short":               {"the answer is not what the API promises", answer(200, asJSON, `{"id":1`), getJob, failure{codes.Internal, "UPSTREAM_MALFORMED", ""}, ""},
	"redirect elsewhere":      {"3xx that is not followed", answer(302, asHTML, "", "Location", "https://elsewhere.example/x?private_token="+canary), getJob, failure{codes.Internal, "UPSTREAM_REDIRECTED", ""}, "elsewhere.example"},
	"redirect of a write":     {"3xx that is not followed", answer(307, asHTML, "", "Location", "/api/v4/projects/1/jobs/7/cancel"), cancelJob, failure{codes.Internal, "UPSTREAM_REDIRECTED", ""}, ""},
	"unplayable":              {"400 Unplayable Job", message(400, "400 Bad request - Unplayable Job"), cancelJob, failure{codes.FailedPrecondition, "JOB_NOT_PLAYABLE", ""}, "Unplayable"},
	"bad scope":               {"400", grape(400, "scope does not have a valid value"), listPipelineJobs, failure{codes.InvalidArgument, "INVALID_REQUEST", "scope"}, "scope does not have a valid value"},
	"missing key":             {"400", grape(400, "job_variables_attributes[0][key] is missing, job_variables_attributes[0][value] is missing"), cancelJob, failure{codes.InvalidArgument, "INVALID_REQUEST", "job_variables_attributes[0][key]"}, "is missing"},
	"bad input":               {"400", message(400, "400 Bad request - Unknown input: foo"), cancelJob, failure{codes.InvalidArgument, "INVALID_REQUEST", ""}, "Unknown input"},
	"dpop":                    {"401 dpop_error", token(401, "dpop_error", "DPoP validation error: no"), getJob, failure{codes.Unauthenticated, "DPOP_REJECTED", ""}, "DPoP"},
	"expired":                 {"401 invalid_token, expired", token(401, "invalid_token", "Token is expired. You can either do re-authorization or token refresh."), getJob, failure{codes.Unauthenticated, "TOKEN_EXPIRED", ""}, "expired"},
	"revoked":                 {"401 invalid_token, revoked", token(401, "invalid_token", "Token was revoked. You have to re-authorize from the user."), getJob, failure{codes.Unauthenticated, "TOKEN_REVOKED", ""}, "revoked"},
	"unknown token":           {"401", message(401, "401 Unauthorized"), getJob, failure{codes.Unauthenticated, "TOKEN_REJECTED", ""}, "401 Unauthorized"},
	"not retryable":           {"403 Job is not retryable", message(403, "403 Forbidden - Job is not retryable"), cancelJob, failure{codes.FailedPrecondition, "JOB_NOT_RETRYABLE", ""}, ""},
	"not erasable":            {"403 Job is not erasable!", message(403, "403 Forbidden - Job is not erasable!"), cancelJob, failure{codes.FailedPrecondition, "JOB_NOT_ERASABLE", ""}, ""},
	"scope":                   {"403 insufficient_scope", answer(403, asJSON, `{"error":"insufficient_scope","error_description":"more","scope":"api read_api"}`), getJob, failure{codes.PermissionDenied, "TOKEN_SCOPE_INSUFFICIENT", ""}, "more"},
	"granular":                {"403 insufficient_granular_scope", token(403, "insufficient_granular_scope", "more"), getJob, failure{codes.PermissionDenied, "TOKEN_SCOPE_INSUFFICIENT", ""}, "more"},
	"job token policy":        {"403 the job token lacks a permission", message(403, "403 Forbidden - Insufficient permissions to access this resource in project #1. The following token permission is required: read_jobs."), getJob, failure{codes.PermissionDenied, "TOKEN_SCOPE_INSUFFICIENT", ""}, "read_jobs"},
	"forbidden":               {"403", message(403, "403 Forbidden"), getJob, failure{codes.PermissionDenied, "ACCESS_DENIED", ""}, ""},
	"no project":              {"404 Project Not Found", message(404, "404 Project Not Found"), getJob, failure{codes.NotFound, "PROJECT_NOT_FOUND", ""}, ""},
	"other credential":        {"404 Job Not Found", message(404, "404 Job Not Found"), getTokenJob, failure{codes.NotFound, "JOB_TOKEN_REQUIRED", ""}, ""},
	"sudo user":               {"404 User with ID or username … Not Found", message(404, "404 User with ID or username 'x' Not Found"), getJob, failure{codes.NotFound, "USER_NOT_FOUND", ""}, ""},
	"no route":                {"404 Not Found of an unknown route", grape(404, "404 Not Found"), getJob, failure{codes.NotFound, "ROUTE_NOT_FOUND", ""}, ""},
	"no pipeline":             {"404 of a pipeline", message(404, "404 Not found"), listPipelineJobs, failure{codes.NotFound, "PIPELINE_NOT_FOUND", ""}, "404 Not found"},
	"no job":                  {"404 of a job", message(404, "404 Not found"), getJob, failure{codes.NotFound, "JOB_NOT_FOUND", ""}, "404 Not found"},
	"404 of a front end":      {"404 in other words", answer(404, asHTML, "<title>Nothing here</title>"), getJob, failure{codes.NotFound, "ROUTE_NOT_FOUND", ""}, "Nothing here"},
	"moved":                   {"405 moved project", message(405, "Non GET methods are not allowed for moved projects"), cancelJob, failure{codes.InvalidArgument, "PROJECT_MOVED", "project"}, ""},
	"keyset":                  {"405", grape(405, "Keyset pagination is not yet available for this type of request"), listPipelineJobs, failure{codes.InvalidArgument, "INVALID_REQUEST", ""}, "Keyset"},
	"conflict":                {"409", message(409, "409 Conflict: Resource lock"), cancelJob, failure{codes.Aborted, "UPSTREAM_CONFLICT", ""}, "Resource lock"},
	"request too large":       {"413, 414, 431", answer(431, asText, "Request Header Fields Too Large"), getJob, failure{codes.InvalidArgument, "INVALID_REQUEST", ""}, "Too Large"},
	"unprocessable":           {"422", message(422, "422 Unprocessable"), getJob, failure{codes.InvalidArgument, "INVALID_REQUEST", ""}, ""},
	"limit in JSON":           {"429", answer(429, asJSON, `{"message":{"error":"This endpoint has been requested too many times. Try again later."}}`), getJob, failure{codes.ResourceExhausted, "UPSTREAM_LIMITED", ""}, "too many times"},
	"limit in text":           {"429", answer(429, asText, "Retry later\n", "Retry-After", "17"), cancelJob, failure{codes.ResourceExhausted, "UPSTREAM_LIMITED", ""}, "Retry later"},
	"limit in HTML":           {"429", answer(429, asHTML, "<html><head><title>Slow down</title></head>"), getJob, failure{codes.ResourceExhausted, "UPSTREAM_LIMITED", ""}, "Slow down"},
	"503, read":               {"502, 503, 504 on a read", answer(503, asJSON, `{"message":"maintenance"}`, "Retry-After", "30"), getJob, failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}, "maintenance"},
	"500":                     {"any other 5xx", message(500, "500 Internal Server Error"), cancelJob, failure{codes.Internal, "UPSTREAM_FAILED", ""}, ""},
	"410":                     {"any other 4xx", grape(410, "API V3 is no longer supported. Use API V4 instead."), getJob, failure{codes.Internal, "UPSTREAM_REFUSED", ""}, "V4"},
	"418":                     {"any other 4xx", answer(418, "", ""), getJob, failure{codes.Internal, "UPSTREAM_REFUSED", ""}, ""},
}

// hangs sends a header and no body.
func hangs() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", asJSON)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

func resets() http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

func TestErrorTable(t *testing.T) {
	for name, c := range errorCases {
		t.Run(name, func(t *testing.T) {
			options := []upstream.Option{upstream.WithMaxBody(64 << 10)}
			if strings.HasPrefix(name, "hangs") { // only these end by the clock
				options = append(options, upstream.WithTimeout(200*time.Millisecond))
			}
			gw := newGateway(t, c.gitlab, options...)
			err := c.call.rpc(as(t, canary), gw)
			c.want.check(t, err)
			st := status.Convert(err)
			if !strings.Contains(st.Message(), c.message) {
				t.Errorf("message %q, want %q in it", st.Message(), c.message)
			}
			wantNoToken(t, gw, err, canary)
		})
	}
}

func TestNothingSentIsUnavailableForWritesToo(t *testing.T) {
	gw := newGatewayAt(t, "http://127.0.0.1:1")
	for name, call := range map[string]request{"read": getJob, "write": cancelJob} {
		t.Run(name, func(t *testing.T) {
			failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}.check(t, call.rpc(as(t, canary), gw))
			wantOwn(t, call.overREST(t, gw), http.StatusServiceUnavailable, "UPSTREAM_UNAVAILABLE")
		})
	}
}

func TestCallersOwnEnd(t *testing.T) {
	gw := newGateway(t, hangs())
	// gRPC resets a stream at its deadline, which a caller would see as CANCELLED: the
	// gateway is always a little earlier.
	for range 30 {
		ctx, cancel := context.WithTimeout(as(t, canary), 20*time.Millisecond)
		if err := getJob.rpc(ctx, gw); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("deadline: %v", err)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(as(t, canary))
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := getJob.rpc(ctx, gw); status.Code(err) != codes.Canceled {
		t.Errorf("cancel: %v", err)
	}
}

func TestAnonymousIsToldToBringACredential(t *testing.T) {
	gw := newGateway(t, message(401, "401 Unauthorized"))
	failure{codes.Unauthenticated, "CREDENTIAL_MISSING", ""}.check(t, getJob.rpc(t.Context(), gw))
}

// rowsWithoutAnAnswer are those that no answer over the network can single out.
var rowsWithoutAnAnswer = map[string]*upstream.Error{
	"the caller's deadline passed":                         {Kind: upstream.Interrupted, Err: fmt.Errorf("read: %w", context.DeadlineExceeded)},
	"the caller went away":                                 {Kind: upstream.Interrupted, Err: context.Canceled},
	"nothing could be sent":                                {Kind: upstream.NotSent, Write: true, Err: errors.New("refused")},
	"GitLab's quota is used up, and the call was not sent": {Kind: upstream.Limited, Err: &quota.Exhausted{}},
	"too many calls to GitLab are under way":               {Kind: upstream.Limited, Write: true, Err: errors.New("full")},
	"401 without a credential":                             {Kind: upstream.Answered, Status: 401},
}

func TestRowsWithoutAnAnswer(t *testing.T) {
	for when, e := range rowsWithoutAnAnswer {
		if got := rowFor(e, newCall(t.Context(), "", nil)).when; got != when {
			t.Errorf("%q matches the row %q", when, got)
		}
	}
}

// Each row has a case that reaches it and no earlier row, and docs/errors.md prints
// the rows as they are.
func TestEveryRowHasACaseAndALine(t *testing.T) {
	proved := map[string]bool{}
	for when := range rowsWithoutAnAnswer {
		proved[when] = true
	}
	for _, c := range errorCases {
		proved[c.row] = true
	}
	text, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 3 && strings.Contains(cells[1], "`") {
			lines = append(lines, strings.TrimPrefix(cells[0], "| ")+" "+strings.Trim(cells[1], "` ")+" "+strings.Trim(cells[2], "`| "))
		}
	}
	var want []string
	for _, r := range table {
		if !proved[r.when] {
			t.Errorf("no case for the row %q", r.when)
		}
		want = append(want, r.when+" "+codeName(r.code)+" "+reasonName(r.reason))
	}
	for i := range max(len(want), len(lines)) {
		if i >= len(want) || i >= len(lines) || want[i] != lines[i] {
			t.Fatalf("docs/errors.md differs from row %d on:\n%s", i, strings.Join(want[min(i, len(want)):], "\n"))
		}
	}
}

func codeName(c codes.Code) string {
	return map[codes.Code]string{
		codes.InvalidArgument: "INVALID_ARGUMENT", codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.Canceled: "CANCELLED",
		codes.Unavailable: "UNAVAILABLE", codes.Unknown: "UNKNOWN", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
		codes.Internal: "INTERNAL", codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Unauthenticated: "UNAUTHENTICATED",
		codes.PermissionDenied: "PERMISSION_DENIED", codes.NotFound: "NOT_FOUND", codes.Aborted: "ABORTED",
	}[c]
}

// What a client in another language accepts: status details and message fit its
// trailers whatever GitLab says.
func TestStatusFitsTrailers(t *testing.T) {
	bodies := map[string]http.Handler{
		"64 KB of HTML":      answer(500, asHTML, "<title>"+strings.Repeat("é漢", 9000)+"</title>"+strings.Repeat("<p>ü", 8000), "X-Request-Id", strings.Repeat("r", 4000)),
		"long words":         message(403, strings.Repeat("漢", 20000)),
		"many violations":    grape(400, strings.TrimSuffix(strings.Repeat("a_rather_long_parameter_name[0][key] is missing, ", 200), ", ")),
		"long content type":  answer(500, "text/"+strings.Repeat("x", 3000), strings.Repeat("\xff", 5000)),
		"bytes, not text":    answer(503, "application/octet-stream", strings.Repeat("\x00\xfe", 5000)),
		"a title with marks": answer(502, asHTML, "<title>%%%\n\r\x7f"+strings.Repeat("%", 1000)+"</title>"),
	}
	for name, gitlab := range bodies {
		t.Run(name, func(t *testing.T) {
			gw := newGateway(t, gitlab)
			err := getJob.rpc(as(t, canary), gw)
			st := status.Convert(err)
			if size := proto.Size(st.Proto()); size > maxStatus {
				t.Errorf("the status takes %d bytes", size)
			}
			if len(st.Message()) > maxMessage || st.Message() == "" {
				t.Errorf("the message has %d bytes", len(st.Message()))
			}
			if info := detailOf[*errdetails.ErrorInfo](st); info == nil {
				t.Error("no ErrorInfo")
			}
			if u := detailOf[*jobgatev1.UpstreamError](st); u == nil || !u.GetTruncated() && len(u.GetBody()) > maxBody {
				t.Errorf("UpstreamError %v", u)
			}
		})
	}
}

func TestRetryInfo(t *testing.T) {
	cases := map[string]struct {
		gitlab http.Handler
		call   request
		want   time.Duration
	}{
		"told":                       {answer(429, asText, "Retry later\n", "Retry-After", "17"), getJob, 17 * time.Second},
		"not told":                   {answer(429, asText, "Retry later\n"), getJob, defaultRetry},
		"maintenance":                {answer(503, asJSON, `{"message":"x"}`, "Retry-After", "30"), getJob, 30 * time.Second},
		"a write with unknown fate":  {answer(503, asJSON, `{"message":"x"}`, "Retry-After", "30"), cancelJob, 0},
		"an error that waits for us": {message(403, "403 Forbidden"), getJob, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			st := status.Convert(c.call.rpc(as(t, canary), newGateway(t, c.gitlab)))
			if got := detailOf[*errdetails.RetryInfo](st).GetRetryDelay().AsDuration(); got != c.want {
				t.Errorf("retry after %v, want %v", got, c.want)
			}
			limited := detailOf[*errdetails.QuotaFailure](st) != nil
			if limited != (st.Code() == codes.ResourceExhausted) {
				t.Errorf("QuotaFailure: %v", limited)
			}
		})
	}
}
