package server

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// tokenKeys are the metadata that a credential is read from.
var tokenKeys = []string{"private-token", "authorization", "job-token", "sudo", "dpop"}

// FuzzMetadata sends lines of "key: value" as metadata. A handler sees just those values as
// the credential, each of which was sent once, and nothing that claims to be the gateway's
// own; else the call is refused in words that repeat no value.
func FuzzMetadata(f *testing.F) {
	f.Add("private-token: glpat-secret\nx-request-id: one")
	f.Add("private-token: glpat-one\nprivate-token: glpat-two\nsudo: ada\nsudo: bob")
	f.Add("authorization: Bearer secret-secret\njob-token: glcbt-secret\ndpop: a.b.c\nsudo: 5")
	f.Add("jobgate-face: rest\nJobgate-Peer: 10.0.0.1\njobgate-quota-limit: 1\njobgatex: 1")
	f.Add("private-token:\nx-request-id: glpat-secret\nprivate-token: \nx-request-id: b")
	f.Add("authorization: secret-secret\nx-request-id: secret-secret")
	f.Fuzz(func(t *testing.T, text string) {
		md := metadata.MD{}
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
			md.Append(key, value)
		}
		want, refusal := whoCalls(md)
		left := maps.Clone(md)
		maps.DeleteFunc(left, func(key string, _ []string) bool { return strings.HasPrefix(key, "jobgate-") })
		var got *upstream.Credential
		log, logs := quiet()
		_, err := newChain(Config{}, log, t.Context()).unary(metadata.NewIncomingContext(t.Context(), md), &jobgatev1.GetTokenJobRequest{},
			&grpc.UnaryServerInfo{FullMethod: jobgatev1.JobService_GetTokenJob_FullMethodName}, func(ctx context.Context, _ any) (any, error) {
				got = &upstream.CallFrom(ctx).Credential
				if seen, _ := metadata.FromIncomingContext(ctx); !maps.EqualFunc(seen, left, slices.Equal) {
					t.Errorf("metadata %v, want %v", seen, left)
				}
				return &jobgatev1.Job{}, nil
			})
		switch {
		case refusal == "" && (err != nil || got == nil || *got != want):
			t.Errorf("%v, another caller: %v", err, got != nil)
		case refusal != "" && (got != nil || status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != refusal):
			t.Errorf("%v, want %s", err, refusal)
		}
		for _, key := range tokenKeys {
			for _, value := range md[key] {
				if key != "sudo" && len(value) >= 12 && strings.Contains(logs.String(), value) && !strings.Contains(plainLog, value) {
					t.Errorf("%q is logged: %s", value, logs)
				}
			}
		}
		wantRequestID(t, md, want)
	})
}

// plainLog is what a log may hold of any call.
const plainLog = `[redacted] level=INFO msg=call face=grpc method=/jobgate.v1.JobService/GetTokenJob code=OK InvalidArgument must be sent once; [private-token authorization job-token sudo dpop] anonymous`

// whoCalls is who calls, or why he is refused, by a slow reader.
func whoCalls(md metadata.MD) (c upstream.Credential, refusal string) {
	var wrong []string
	fields := []*string{&c.PrivateToken, &c.Authorization, &c.JobToken, &c.Sudo, &c.DPoP}
	for i, key := range tokenKeys {
		switch values := md[key]; len(values) {
		case 0:
		case 1:
			*fields[i] = values[0]
		default:
			wrong = append(wrong, key+" must be sent once")
		}
	}
	return c, strings.Join(wrong, "; ")
}

var visible = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)

// wantRequestID asserts that the caller's name for the call is used if it can be, without
// what is secret.
func wantRequestID(t *testing.T, md metadata.MD, who upstream.Credential) {
	t.Helper()
	c := newCall(t.Context(), "/a/b", nil)
	if c.readMetadata(md) != nil {
		return
	}
	got := c.requestID()
	if ids := md["x-request-id"]; len(ids) == 1 && visible.MatchString(ids[0]) {
		if got != who.Scrub(ids[0]) {
			t.Errorf("request %q is called %q", ids[0], got)
		}
	} else if len(got) != 26 || slices.Contains(ids, got) {
		t.Errorf("request %q is called %q", ids, got)
	}
	if again := c.requestID(); again != got {
		t.Errorf("it is called %q, and then %q", got, again)
	}
}
