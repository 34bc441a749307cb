package server

import (
	"strings"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/once"
)

// violations collects the rules that a request breaks.
type violations []violation

// violation is a field of the request, by its path, and the rule that it breaks.
type violation struct{ field, rule string }

func (v *violations) add(field, rule string) { *v = append(*v, violation{field, rule}) }

// String names each field and its rule.
func (v *violations) String() string {
	parts := make([]string, len(*v))
	for i, one := range *v {
		parts[i] = one.field + " " + one.rule
	}
	return strings.Join(parts, "; ")
}

// err is nil if no rule is broken.
func (v *violations) err() error {
	if len(*v) == 0 {
		return nil
	}
	return &invalidError{*v}
}

// invalid is the error of a request that breaks one rule.
func invalid(field, rule string) error { return &invalidError{violations{{field, rule}}} }

// invalidError says that the request breaks rules of the gateway.
type invalidError struct{ violations violations }

func (e *invalidError) Error() string { return e.violations.String() }

// validate checks what the types of a request cannot, for all requests at once:
// fields of the same name have the same rules. What becomes part of a request to GitLab
// has its rules where that is made, in the upstream client; what only GitLab can judge
// is left to GitLab.
func validate(req any) error {
	var v violations
	if r, ok := req.(interface{ GetProject() string }); ok && r.GetProject() == "" {
		v.add("project", "must not be empty")
	}
	if r, ok := req.(interface{ GetJobId() int64 }); ok && r.GetJobId() <= 0 {
		v.add("job_id", "must be positive")
	}
	if r, ok := req.(interface{ GetPipelineId() int64 }); ok && r.GetPipelineId() <= 0 {
		v.add("pipeline_id", "must be positive")
	}
	if r, ok := req.(paged); ok {
		v.paging(r)
	}
	if r, ok := req.(*jobgatev1.ReadTraceRequest); ok {
		v.trace(r)
	}
	if r, ok := req.(interface{ GetRequestId() string }); ok && r.GetRequestId() != "" {
		if err := once.CheckID(r.GetRequestId()); err != nil {
			v.add("request_id", err.Error())
		}
	}
	return v.err()
}

// paged is a request for a page of a list.
type paged interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
	GetPaging() *jobgatev1.GitlabPaging
}

func (v *violations) paging(r paged) {
	if r.GetPaging() != nil && (r.GetPageSize() != 0 || r.GetPageToken() != "") {
		v.add("paging", "must not be set together with page_size or page_token")
	}
}
