package main

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// failure tells a failed call in full: code, message, and a line or more per detail.
func failure(err error) error {
	s := status.Convert(err)
	var w strings.Builder
	w.WriteString(codeName(s.Code()) + ": " + printable(s.Message()))
	for _, detail := range s.Details() {
		if m, ok := detail.(proto.Message); ok {
			describe(&w, m)
		} else {
			linef(&w, "a detail that this version cannot read")
		}
	}
	return errors.New(w.String())
}

// codeName is a code as gRPC's documentation spells it: NOT_FOUND.
func codeName(c codes.Code) string {
	return code.Code(int32(c)).String() //nolint:gosec // a code is 0 to 16
}

// describe writes one detail.
func describe(w *strings.Builder, detail proto.Message) {
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		linef(w, "reason: %s (%s)", printable(d.GetReason()), printable(d.GetDomain()))
		for _, key := range slices.Sorted(maps.Keys(d.GetMetadata())) {
			linef(w, "%s: %s", printable(key), printable(d.GetMetadata()[key]))
		}
	case *errdetails.BadRequest:
		for _, v := range d.GetFieldViolations() {
			linef(w, "field %s: %s", printable(v.GetField()), printable(v.GetDescription()))
		}
	case *errdetails.QuotaFailure:
		for _, v := range d.GetViolations() {
			linef(w, "quota %s: %s", printable(v.GetSubject()), printable(v.GetDescription()))
		}
	case *errdetails.RetryInfo:
		linef(w, "try again in: %s", d.GetRetryDelay().AsDuration())
	case *jobgatev1.UpstreamError:
		describeUpstream(w, d)
	default:
		text, err := marshal(detail)
		if err != nil {
			text = []byte("unreadable")
		}
		linef(w, "%s: %s", detail.ProtoReflect().Descriptor().FullName(), text)
	}
}

func describeUpstream(w *strings.Builder, e *jobgatev1.UpstreamError) {
	linef(w, "GitLab answered %d, %s:", e.GetStatus(), printable(e.GetContentType()))
	body := printable(strings.TrimRight(string(e.GetBody()), "\n"))
	if e.GetTruncated() {
		body += " … (cut here)"
	}
	for part := range strings.SplitSeq(body, "\n") {
		linef(w, "  %s", part)
	}
}
