package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

var verbs = []string{"cancel", "retry", "erase", "play"}

// face is how an attempt is made.
type face string

const (
	overGRPC  face = "gRPC"
	overREST  face = "REST"
	asItComes face = "REST, relayed" // with a parameter that no RPC knows
)

// claim is what a caller is told of a write.
type claim string

const (
	done     claim = "done"
	notDone  claim = "not done"       // it may be tried again
	unsent   claim = "not sent"       // likewise
	refused  claim = "refused"        // by GitLab, in its words
	unknown  claim = "unknown"        // the gateway says that it does not know
	nothing  claim = "nothing"        // the caller has left, or has half an answer
	noServer claim = "no gateway"     // the caller has no connection, or had one and heard nothing
	failed   claim = "GitLab's 5xx"   // GitLab's own words, which tell nothing
	wasDone  claim = "done before"    // and the answer is not to be had
	nonsense claim = "what is not so" // for what no caller may be told here
)

// attempt is one call of a caller's.
type attempt struct {
	name         string // its proof of possession, which GitLab gets
	face         face
	begun, ended time.Time
	patience     time.Duration // of the caller, 0 for enough of it
	leaves       bool          // by cancellation, not by a deadline

	claim    claim
	words    string // what was told
	replayed bool
	job      *jobgatev1.Job // of an answer over gRPC
	body     []byte         // of one over REST
}

// write is one thing to do, once, and the attempts at it.
type write struct {
	verb     string
	job      int64
	id       string // request id, "" for none
	attempts []*attempt
}

// path is where GitLab gets it.
func (w *write) path() string { return fmt.Sprintf("/api/v4/projects/1/jobs/%d/%s", w.job, w.verb) }

// newWrite makes a job that can be acted upon.
func newWrite(box *sandbox.Sandbox, verb string) *write {
	job := sandbox.NewJob{Log: []byte("a log\n"), Name: "job " + verb}
	switch verb {
	case "retry":
		job.Steps = []sandbox.Step{{Status: "failed"}}
	case "erase":
		job.Steps = []sandbox.Step{{Status: "success"}}
	case "play":
		job.Manual, job.Steps = true, []sandbox.Step{{Status: "manual"}}
	}
	return &write{verb: verb, job: box.AddJob(job)}
}

const enough = 20 * time.Second

// try makes an attempt and notes what was told.
func (w *write) try(g *gateway, a *attempt) {
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	switch {
	case a.leaves:
		timer := time.AfterFunc(a.patience, cancel)
		defer timer.Stop()
	case a.patience > 0:
		ctx, cancel = context.WithTimeout(ctx, a.patience)
		defer cancel()
	}
	a.begun = time.Now()
	if a.face == overGRPC {
		a.told(w.overGRPC(ctx, g, a))
	} else {
		w.overREST(ctx, g, a)
	}
	a.ended = time.Now()
}

func (w *write) overGRPC(ctx context.Context, g *gateway, a *attempt) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "private-token", sandbox.TokenMaintainer, "dpop", a.name)
	var err error
	switch w.verb {
	case "cancel":
		a.job, err = g.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "1", JobId: w.job, RequestId: w.id})
	case "retry":
		a.job, err = g.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: "1", JobId: w.job, RequestId: w.id})
	case "erase":
		a.job, err = g.jobs.EraseJob(ctx, &jobgatev1.EraseJobRequest{Project: "1", JobId: w.job, RequestId: w.id})
	case "play":
		var played *jobgatev1.PlayJobResponse
		played, err = g.jobs.PlayJob(ctx, &jobgatev1.PlayJobRequest{
			Project: "1", JobId: w.job, RequestId: w.id,
			JobVariablesAttributes: []*jobgatev1.JobVariable{{Key: "WHY", Value: w.path()}},
		})
		a.job = played.GetJob()
	}
	return err
}

func (w *write) overREST(ctx context.Context, g *gateway, a *attempt) {
	target, body := g.url+w.path(), io.Reader(http.NoBody)
	if a.face == asItComes {
		target += "?purpose=none"
	}
	if w.verb == "play" {
		body = strings.NewReader(fmt.Sprintf(`{"job_variables_attributes":[{"key":"WHY","value":%q}]}`, w.path()))
	}
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Private-Token", sandbox.TokenMaintainer)
	req.Header.Set("Dpop", a.name)
	if w.id != "" {
		req.Header.Set("Jobgate-Request-Id", w.id)
	}
	resp, err := g.web.Do(req)
	if err != nil {
		a.claim, a.words = nothing, err.Error()
		if ctx.Err() == nil {
			a.claim = noServer
		}
		return
	}
	defer resp.Body.Close()
	a.body, err = io.ReadAll(resp.Body)
	a.replayed = resp.Header.Get("Jobgate-Replayed") != ""
	a.words = fmt.Sprint(resp.Status, " ", short(string(a.body)), " ", err)
	if err != nil {
		a.claim = claimOfHalf(a.face, resp.StatusCode, a.body)
		if ctx.Err() != nil {
			a.claim = nothing
		}
		return
	}
	a.claim = claimOfREST(resp.StatusCode, string(a.body))
}

// claimOfHalf is what is left of an answer of GitLab's that broke off: its status.
func claimOfHalf(f face, status int, body []byte) claim {
	switch {
	case status/100 == 2 && f == asItComes:
		return nothing
	case len(body) == 0 && f != asItComes || status/100 == 2:
		return nonsense
	}
	return claimOfREST(status, "")
}

// claimOfREST is what an answer says, by docs/errors.md.
func claimOfREST(status int, body string) claim {
	_, reason, own := strings.Cut(body, `"reason":"`)
	reason, _, _ = strings.Cut(reason, `"`)
	switch {
	case (status == http.StatusCreated || status == http.StatusOK) && !own:
		return done
	case reason == "WRITE_OUTCOME_UNKNOWN" && status/100 == 5:
		return unknownOrDone(body)
	case status == http.StatusServiceUnavailable && (reason == "UPSTREAM_UNAVAILABLE" || reason == "SHUTTING_DOWN"):
		return unsent
	case reason == "TOO_MANY_CALLS" || reason == "DEADLINE_EXCEEDED" || reason == "CALL_CANCELED":
		return unsent
	case reason == "REQUEST_DONE":
		return wasDone
	case reason == "UPSTREAM_FAILED" && status == http.StatusInternalServerError: // without GitLab's words, which are lost or not kept
		return failed
	case reason == "UPSTREAM_LIMITED" && status == http.StatusTooManyRequests, reason == "UPSTREAM_CONFLICT" && status == http.StatusConflict:
		return refused
	case own:
		return nonsense
	case status == http.StatusConflict || status == http.StatusTooManyRequests:
		return refused
	case status == 500 || status == 502 || status == 503:
		return failed
	}
	return nonsense
}

// unknownOrDone tells apart what is told of a write that the caller may not see the answer of.
func unknownOrDone(words string) claim {
	if strings.Contains(words, "was done before") {
		return wasDone
	}
	return unknown
}

// told notes what a call over gRPC came to, by docs/errors.md.
func (a *attempt) told(err error) {
	a.claim = nonsense
	a.words = fmt.Sprint(err)
	reason := reasonOf(err)
	switch code := status.Code(err); {
	case err == nil:
		a.claim = done
	case code == codes.Unknown && reason == "WRITE_OUTCOME_UNKNOWN":
		a.claim = unknownOrDone(a.words)
	case code == codes.Unavailable && (reason == "UPSTREAM_UNAVAILABLE" || reason == "SHUTTING_DOWN"):
		a.claim = unsent
	case code == codes.Unavailable && reason == "":
		a.claim = noServer
	case code == codes.ResourceExhausted && reason == "TOO_MANY_CALLS":
		a.claim = unsent
	case code == codes.DeadlineExceeded && reason == "DEADLINE_EXCEEDED", code == codes.Canceled && reason == "CALL_CANCELED":
		a.claim = unsent
	case (code == codes.DeadlineExceeded || code == codes.Canceled) && reason == "": // by our own client
		a.claim = nothing
	case code == codes.ResourceExhausted && reason == "UPSTREAM_LIMITED", code == codes.Aborted && reason == "UPSTREAM_CONFLICT":
		a.claim = refused
	case code == codes.Internal && reason == "UPSTREAM_FAILED" && gitLabStatus(err) == "500":
		a.claim = failed
	case code == codes.AlreadyExists && reason == "REQUEST_DONE":
		a.claim = wasDone
	}
}

// right holds what callers were told against the record.
func (w *write) right(g *gitlab) (wrong []error) {
	arrived := g.of(w.path())
	byName := map[string]*arrival{}
	times, sent, sure := 0, 0, false
	wrongf := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	for _, a := range arrived {
		if byName[a.name] != nil {
			wrongf("%s arrived again", a.name)
		}
		byName[a.name] = a
		if a.done {
			times++
		}
		if a.whim != refuses && a.whim != limits {
			sent++
		}
	}
	if sent > 1 {
		wrongf("it arrived %d times without a refusal", sent)
	}
	if times > 1 {
		wrongf("it was done %d times", times)
	}
	for i, a := range w.attempts {
		own := byName[a.name]
		switch a.claim {
		case done:
			sure = true
			if times == 0 {
				wrongf("%s was told that it was done, and it was not", a.name)
			} else if err := w.answerIsRight(g, a, arrived); err != nil {
				wrongf("%s: %w", a.name, err)
			}
			if w.id == "" && (own == nil || !own.done) {
				wrongf("%s was told that it was done, and did not arrive", a.name)
			}
		case wasDone:
			sure = true
			if times == 0 {
				wrongf("%s was told that it was done before, and it was not", a.name)
			}
		case unsent:
			if own != nil && own.whim != refuses && own.whim != limits { // of what GitLab refused it does no harm
				wrongf("%s was told that it was not sent, and it arrived", a.name)
			}
		case refused:
			if own != nil && own.done {
				wrongf("%s was told that it was refused, and it was done", a.name)
			}
			if own != nil && own.whim != refuses && own.whim != limits {
				wrongf("%s was told that it was refused, and it was not", a.name)
			}
		case unknown, failed, nothing:
			sure = true
		case noServer:
			if own != nil {
				wrongf("%s arrived, and the caller's connection was cut off without a word", a.name)
			}
		default:
			wrongf("%s was told %s", a.name, a.words)
		}
		if w.id != "" && own != nil {
			for _, before := range w.attempts[:i] { // one who did not wait may be told unknown, and the write be refused then
				if before.patience == 0 && before.ended.Before(a.begun) && (before.claim == done || before.claim == unknown || before.claim == failed || before.claim == wasDone) {
					wrongf("%s arrived, although %s was told %q before", a.name, before.name, before.claim)
				}
			}
		}
	}
	if times > 0 && !sure {
		wrongf("it was done, and nobody was told that it might have been")
	}
	return wrong
}

// answerIsRight says whether an answer is that of the write, or else the job as it was read
// afterwards, which must tell that it was done.
func (w *write) answerIsRight(g *gitlab, a *attempt, arrived []*arrival) error {
	for _, one := range arrived {
		if one.done && a.equals(string(one.body)) {
			return nil
		}
	}
	if w.verb != "cancel" && w.verb != "erase" {
		return errors.New("the answer is not that of the write")
	}
	for _, body := range g.reads(w.path()) {
		if a.equals(body) && (strings.Contains(body, `"status":"canceled"`) || strings.Contains(body, `"erased_at":"`)) &&
			strings.HasPrefix(body, `{"id":`+strconv.FormatInt(w.job, 10)+",") {
			return nil
		}
	}
	return errors.New("the answer is neither that of the write nor the job as it was then")
}

func (a *attempt) equals(json string) bool {
	if a.face != overGRPC {
		return string(a.body) == json
	}
	wire, err := gitlabjson.TableOf(&jobgatev1.Job{}).AppendWire(nil, []byte(json))
	want := new(jobgatev1.Job)
	return err == nil && proto.Unmarshal(wire, want) == nil && proto.Equal(want, a.job)
}

// plan draws the attempts at a write, and says which of them come at the same time.
func (w *write) plan(r *rand.Rand, name func() string) (rounds [][]*attempt) {
	one := func() *attempt {
		a := &attempt{name: name(), face: []face{overGRPC, overREST}[r.IntN(2)]}
		switch n := r.IntN(20); {
		case n < 2:
			a.patience = time.Duration(r.IntN(300)) * time.Millisecond
		case n == 2:
			a.patience, a.leaves = time.Duration(r.IntN(300))*time.Millisecond, true
		}
		w.attempts = append(w.attempts, a)
		return a
	}
	if r.IntN(2) == 0 { // without a request id: nobody may repeat it
		a := one()
		if a.face == overREST && r.IntN(3) == 0 {
			a.face = asItComes
		}
		return [][]*attempt{{a}}
	}
	w.id = "write-" + strconv.FormatInt(w.job, 10)
	for range 1 + r.IntN(3) {
		var together []*attempt
		for range 1 + r.IntN(3) {
			together = append(together, one())
		}
		rounds = append(rounds, together)
	}
	return rounds
}
