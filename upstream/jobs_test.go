package upstream

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// seen is a request as it arrived.
type seen struct{ method, target, contentType, body string }

// recorder answers every request by body and tells what arrived.
func recorder(t testing.TB, body string) (*Client, *seen) {
	t.Helper()
	got := new(seen)
	return newClient(t, func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		*got = seen{r.Method, r.RequestURI, r.Header.Get("Content-Type"), string(sent)}
		respond(200, "application/json", body)(w, r)
	}), got
}

func param(name, value string) []*jobgatev1.Parameter {
	return []*jobgatev1.Parameter{{Name: name, Value: value}}
}

func inputs(t testing.TB, text string) *structpb.Struct {
	t.Helper()
	s := new(structpb.Struct)
	if err := s.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRequests: what each method sends; contract section 7.
func TestRequests(t *testing.T) {
	const job = "/api/v4/projects/group%2Fapp/jobs/7"
	for name, row := range map[string]struct {
		call func(c *Client) error
		want seen
	}{
		"get": {func(c *Client) error {
			_, err := c.GetJob(t.Context(), &jobgatev1.GetJobRequest{
				Project: "group/app", JobId: 7, ExtraParameters: param("with[]", "a b&c+d"),
			})
			return err
		}, seen{"GET", job + "?with%5B%5D=a+b%26c%2Bd", "", ""}},
		"large ID": {func(c *Client) error {
			_, err := c.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "42", JobId: 13372368128})
			return err
		}, seen{"GET", "/api/v4/projects/42/jobs/13372368128", "", ""}},
		"token's job": {func(c *Client) error {
			_, err := c.GetTokenJob(t.Context(), &jobgatev1.GetTokenJobRequest{ExtraParameters: param("a", "b")})
			return err
		}, seen{"GET", "/api/v4/job?a=b", "", ""}},
		"agents": {func(c *Client) error {
			_, err := c.GetAllowedAgents(t.Context(), &jobgatev1.GetAllowedAgentsRequest{})
			return err
		}, seen{"GET", "/api/v4/job/allowed_agents", "", ""}},
		"cancel": {func(c *Client) error {
			_, err := c.CancelJob(t.Context(), &jobgatev1.CancelJobRequest{Project: "group/app", JobId: 7})
			return err
		}, seen{"POST", job + "/cancel", "", ""}},
		"cancel, not by force": {func(c *Client) error {
			_, err := c.CancelJob(t.Context(), &jobgatev1.CancelJobRequest{
				Project: "group/app", JobId: 7, Force: new(false), ExtraParameters: param("x", ""),
			})
			return err
		}, seen{"POST", job + "/cancel?force=false&x=", "", ""}},
		"erase": {func(c *Client) error {
			_, err := c.EraseJob(t.Context(), &jobgatev1.EraseJobRequest{Project: "group/app", JobId: 7})
			return err
		}, seen{"POST", job + "/erase", "", ""}},
		"retry": {func(c *Client) error {
			_, err := c.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "group/app", JobId: 7})
			return err
		}, seen{"POST", job + "/retry", "", ""}},
		"retry with inputs": {func(c *Client) error {
			_, err := c.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{
				Project: "group/app", JobId: 7,
				Inputs: inputs(t, `{"n":3,"big":9007199254740992,"half":0.5,"huge":1e300,"neg":-0.0}`),
			})
			return err
		}, seen{
			"POST", job + "/retry", "application/json",
			`{"inputs":{"big":9007199254740992,"half":0.5,"huge":1e+300,"n":3,"neg":0}}`,
		}},
		"retry with no inputs": {func(c *Client) error {
			_, err := c.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "group/app", JobId: 7, Inputs: &structpb.Struct{}})
			return err
		}, seen{"POST", job + "/retry", "application/json", `{"inputs":{}}`}},
		"play": {func(c *Client) error {
			_, err := c.PlayJob(t.Context(), &jobgatev1.PlayJobRequest{Project: "group/app", JobId: 7})
			return err
		}, seen{"POST", job + "/play", "", ""}},
		"play with all": {func(c *Client) error {
			_, err := c.PlayJob(t.Context(), &jobgatev1.PlayJobRequest{
				Project: "group/app", JobId: 7,
				JobVariablesAttributes: []*jobgatev1.JobVariable{{Key: "A", Value: "\"\\\n\x01é\u2028</script>"}, {Key: "B"}},
				JobInputs:              inputs(t, `{"list":[1,"x",true,null,{"a":[]}]}`),
			})
			return err
		}, seen{
			"POST", job + "/play", "application/json",
			`{"job_variables_attributes":[{"key":"A","value":"\"\\\u000a\u0001é` + "\u2028" + `</script>"},{"key":"B","value":""}],` +
				`"job_inputs":{"list":[1,"x",true,null,{"a":[]}]}}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, got := recorder(t, `{"id":7}`)
			if err := row.call(c); err != nil {
				t.Fatal(err)
			}
			if *got != row.want {
				t.Errorf("sent\n%q, want\n%q", *got, row.want)
			}
			if got.body != "" && !json.Valid([]byte(got.body)) {
				t.Errorf("the body is no JSON: %s", got.body)
			}
		})
	}
}

func TestInvalidArguments(t *testing.T) {
	nan := &structpb.Struct{Fields: map[string]*structpb.Value{"x": structpb.NewNumberValue(nan())}}
	c := functionClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("an invalid request was sent")
		return answer(200, "{}"), nil
	})
	get := func(name string) error {
		_, err := c.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "1", ExtraParameters: param(name, "x")})
		return err
	}
	for field, call := range map[string]func() error{
		"inputs": func() error {
			_, err := c.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "1", Inputs: nan})
			return err
		},
		"job_inputs": func() error {
			_, err := c.PlayJob(t.Context(), &jobgatev1.PlayJobRequest{Project: "1", JobInputs: nan})
			return err
		},
		"job_variables_attributes": func() error {
			_, err := c.PlayJob(t.Context(), &jobgatev1.PlayJobRequest{
				Project:                "1",
				JobVariablesAttributes: []*jobgatev1.JobVariable{{Key: "a", Value: "\xff"}},
			})
			return err
		},
		"page_size": func() error {
			_, _, err := c.ListProjectJobs(t.Context(), &jobgatev1.ListProjectJobsRequest{Project: "1", PageSize: -1}, Position{})
			return err
		},
		"scope[1]": func() error {
			_, _, err := c.ListPipelineJobs(t.Context(), &jobgatev1.ListPipelineJobsRequest{
				Project: "1",
				Scope:   []jobgatev1.JobStatus{jobgatev1.JobStatus_JOB_STATUS_FAILED, 99},
			}, Position{})
			return err
		},
		"scope[0]": func() error {
			_, _, err := c.ListPipelineBridges(t.Context(), &jobgatev1.ListPipelineBridgesRequest{
				Project: "1",
				Scope:   []jobgatev1.JobStatus{0},
			}, Position{})
			return err
		},
		"extra_parameters[0].name": func() error {
			_, _, err := c.ListProjectJobs(t.Context(), &jobgatev1.ListProjectJobsRequest{
				Project:         "1",
				ExtraParameters: param("per_page", "1"),
			}, Position{})
			return err
		},
		"project": func() error {
			_, err := c.EraseJob(t.Context(), &jobgatev1.EraseJobRequest{})
			return err
		},
		"offset": func() error {
			_, err := c.Trace(t.Context(), "1", 7, TraceRange{Offset: -1}, nil)
			return err
		},
		"limit": func() error {
			_, err := c.Trace(t.Context(), "1", 7, TraceRange{Limit: -1}, nil)
			return err
		},
		"tail": func() error {
			_, err := c.TraceTail(t.Context(), "1", 7, Tail{Bytes: 1, Lines: 1}, -1, nil)
			return err
		},
	} {
		e := wantError(t, call(), Invalid)
		if len(e.Violations) != 1 || e.Violations[0].Field != field || e.Op == "" {
			t.Errorf("%s: %v, %v", field, e, e.Violations)
		}
	}
	for _, name := range []string{
		"private_token", "access_token", "bearer_token", "job_token", "token", "sudo", "id",
		"job_id", "pipeline_id", "_method", "[private_token]", "private_token[]", "token[x]", "sudo]", "][sudo", " token",
	} {
		wantError(t, get(name), Invalid)
	}
}

func nan() float64 { var zero float64; return zero / zero }

// TestPlayed: a trigger job is told by its members; contract section 7.11.
func TestPlayed(t *testing.T) {
	for body, isBridge := range map[string]bool{
		`{"id":7,"artifacts":[]}`:                                 false,
		`{"id":7,"downstream_pipeline":null}`:                     true,
		`{"id":7,"downstream_pipeline":{"id":8}}`:                 true,
		`{"id":7,"downstream_pipeline":null,"artifacts":[]}`:      false,
		`{"id":7,"user":{"downstream_pipeline":1,"name":"mole"}}`: false,
	} {
		c, _ := recorder(t, body)
		played, err := c.PlayJob(t.Context(), &jobgatev1.PlayJobRequest{Project: "1", JobId: 7})
		if err != nil {
			t.Fatal(err)
		}
		if err := parse(played); err != nil {
			t.Fatal(err)
		}
		if got := played.GetBridge() != nil; got != isBridge || played.GetBridge().GetId()+played.GetJob().GetId() != 7 {
			t.Errorf("%s is %v", body, played)
		}
	}
}

func TestAnswersAreWireBacked(t *testing.T) {
	c, _ := recorder(t, `{"id":7,"name":"unit","status":"running","newer":[1]}`)
	call := &Call{}
	job, err := c.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
	if err != nil {
		t.Fatal(err)
	}
	if job.GetId() != 0 || len(job.ProtoReflect().GetUnknown()) == 0 {
		t.Errorf("the message is not wire-backed: %v", job)
	}
	wire, err := proto.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	read := new(jobgatev1.Job)
	if err := proto.Unmarshal(wire, read); err != nil {
		t.Fatal(err)
	}
	if read.GetId() != 7 || read.GetStatus() != jobgatev1.JobStatus_JOB_STATUS_RUNNING || read.GetExtra()["newer"] != "[1]" {
		t.Errorf("got %v", read)
	}
	if call.Reply.Status != 200 || call.Reply.Header.Get("Content-Type") != "application/json" {
		t.Errorf("reply is %v", call.Reply)
	}
}

func TestRelativeRoot(t *testing.T) {
	var target string
	server := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		target = r.RequestURI
		respond(200, "application/json", `{"id":7}`)(w, r)
	})
	c := clientOf(t, "http://"+server.base.host+"/gitlab/")
	if err := getJob(t, c); err != nil || target != "/gitlab/api/v4/projects/group%2Fapp/jobs/7" {
		t.Errorf("asked for %q, %v", target, err)
	}
}

func BenchmarkGetJob(b *testing.B) {
	c := functionClient(b, func(*http.Request) (*http.Response, error) {
		return answer(200, `{"id":7,"name":"unit","status":"running"}`), nil
	})
	ctx := as(b.Context(), Credential{PrivateToken: "glpat-x"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "group/app", JobId: 7}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoJob proves that an object which is no job is none, and that a write which was
// answered so has an outcome that is not known.
func TestNoJob(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"id":7}`: true, `{"name":"a","id":7}`: true, `{"id":null}`: true, `{"id":"seven"}`: true, `{"id":99999999999999999999}`: true,
		`{}`: false, `{"message":"202 Accepted"}`: false, `{"user":{"id":7}}`: false,
	} {
		for status, name := range map[int]string{200: "get", 201: "retry", 202: "play"} {
			c := newClient(t, respond(status, "application/json", body))
			calls := map[string]func() error{
				"get": func() error { return getJob(t, c) },
				"retry": func() error {
					_, err := c.RetryJob(t.Context(), &jobgatev1.RetryJobRequest{Project: "1", JobId: 7})
					return err
				},
				"play": func() error {
					_, err := c.PlayJob(t.Context(), &jobgatev1.PlayJobRequest{Project: "1", JobId: 7})
					return err
				},
			}
			err := calls[name]()
			e, failed := errors.AsType[*Error](err)
			if failed == ok || failed && (e.Kind != Malformed || e.Status != status || string(e.Body) != body || e.OutcomeUnknown() != (name != "get")) {
				t.Errorf("%s was answered %d %s: %v", name, status, body, err)
			}
		}
	}
}
