package upstream

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

var canary = Credential{
	PrivateToken:  "canary-private",
	Authorization: "Bearer canary-bearer",
	JobToken:      "canary-job",
	Sudo:          "canary-sudo",
	DPoP:          "canary-dpop",
}

func TestCredentialIsNeverPrinted(t *testing.T) {
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("call", "credential", canary, "pointer", &canary)
	encoded, err := json.Marshal(struct{ C Credential }{canary})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{canary.String(), canary.GoString(), log.String(), string(encoded)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, canary), fmt.Sprintf(verb, &canary),
			fmt.Sprintf(verb, Call{Credential: canary}), fmt.Sprintf(verb, []Credential{canary}))
	}
	for _, text := range texts {
		if strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") {
			t.Errorf("a credential is printed: %s", text)
		}
	}
	if got := canary.String(); got != "[private-token authorization job-token sudo dpop]" {
		t.Errorf("String() = %q", got)
	}
}

func TestCredentialPresent(t *testing.T) {
	for credential, want := range map[Credential]bool{
		{}:                     false,
		{Sudo: "x", DPoP: "y"}: false,
		{PrivateToken: "x"}:    true,
		{Authorization: "x"}:   true,
		{JobToken: "x"}:        true,
	} {
		if credential.Present() != want {
			t.Errorf("%v is present: %v", credential, !want)
		}
	}
}

func TestScrub(t *testing.T) {
	text := "canary-private Bearer canary-bearer (canary-bearer) canary-job canary-dpop canary-sudo short"
	want := "[redacted] [redacted] ([redacted]) [redacted] [redacted] canary-sudo short"
	if got := canary.Scrub(text); got != want {
		t.Errorf("Scrub = %q, want %q", got, want)
	}
	if got := (Credential{PrivateToken: "short"}).Scrub(text); got != text {
		t.Errorf("a short value is scrubbed: %q", got)
	}
}

func TestCredentialIsSentAsItCame(t *testing.T) {
	var got http.Header
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		respond(200, "application/json", `{"id":7}`)(w, r)
	}, WithUserAgent("jobgate/1.2"))
	if _, err := c.GetJob(as(t.Context(), canary), &jobgatev1.GetJobRequest{Project: "1", JobId: 7}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"PRIVATE-TOKEN": canary.PrivateToken, "Authorization": canary.Authorization,
		"JOB-TOKEN": canary.JobToken, "Sudo": canary.Sudo, "DPoP": canary.DPoP,
		"User-Agent": "jobgate/1.2", "Accept": "application/json", "Accept-Encoding": "identity",
	} {
		if got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
	if _, err := c.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "1", JobId: 7}); err != nil {
		t.Fatal(err)
	}
	if got.Get("PRIVATE-TOKEN")+got.Get("Authorization") != "" {
		t.Errorf("an anonymous call has a credential: %v", got)
	}
}

func TestCredentialWithLineBreakIsRefused(t *testing.T) {
	c := newClient(t, respond(200, "application/json", "{}"))
	ctx := as(t.Context(), Credential{JobToken: "canary\r\nSudo: root"})
	_, err := c.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "1", JobId: 7})
	e := wantError(t, err, Invalid)
	if e.Violations[0].Field != "job-token" || !e.Write || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %#v", e)
	}
}

func TestEchoedCredentialIsScrubbed(t *testing.T) {
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		respond(400, "application/json", `{"error":"canary-private is invalid"}`)(w, r)
	})
	_, err := c.GetJob(as(t.Context(), canary), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
	e := wantError(t, err, Answered)
	if strings.Contains(err.Error(), "canary-private") || strings.Contains(fmt.Sprint(e.Violations), "canary-private") {
		t.Errorf("the token is in the error: %v", e)
	}
}
