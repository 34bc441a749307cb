package server

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
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

// unimplementedError says that the request uses what this version lacks.
type unimplementedError struct{ field, what string }

func (e *unimplementedError) Error() string { return e.field + ": " + e.what }

// validate checks what the types of a request cannot, for all requests at once:
// fields of the same name have the same rules. What only GitLab can judge is left to
// GitLab; the project's rules are the upstream client's, which puts it into a path.
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
	if r, ok := req.(interface{ GetScope() []jobgatev1.JobStatus }); ok {
		v.scope(r.GetScope())
	}
	if r, ok := req.(paged); ok {
		v.paging(r)
	}
	if r, ok := req.(*jobgatev1.ReadTraceRequest); ok {
		v.trace(r)
	}
	if r, ok := req.(interface {
		GetExtraParameters() []*jobgatev1.Parameter
	}); ok {
		v.extraParameters(r.GetExtraParameters())
	}
	if err := v.err(); err != nil {
		return err
	}
	return implemented(req)
}

// implemented refuses what the contract has and this version has not: better than to
// ignore it.
func implemented(req any) error {
	if r, ok := req.(interface{ GetRequestId() string }); ok && r.GetRequestId() != "" {
		return &unimplementedError{"request_id", "repeating a write safely is not implemented yet"}
	}
	if r, ok := req.(*jobgatev1.ReadTraceRequest); ok && r.GetFollow() {
		return &unimplementedError{"follow", "following a log is not implemented yet"}
	}
	return nil
}

func (v *violations) scope(scope []jobgatev1.JobStatus) {
	for i, s := range scope {
		if _, known := jobgatev1.JobStatus_name[int32(s)]; s == 0 || !known {
			v.add(fmt.Sprintf("scope[%d]", i), "must be a known state; send a newer word as extra parameter scope[]")
		}
	}
}

// paged is a request for a page of a list.
type paged interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
	GetPaging() *jobgatev1.GitlabPaging
}

func (v *violations) paging(r paged) {
	if r.GetPageSize() < 0 {
		v.add("page_size", "must not be negative")
	}
	if r.GetPaging() != nil && (r.GetPageSize() != 0 || r.GetPageToken() != "") {
		v.add("paging", "must not be set together with page_size or page_token")
	}
}

// Names of parameters that have another place, by what to use instead.
var (
	credentialNames = names("private_token", "access_token", "bearer_token", "job_token", "token", "sudo")
	pathNames       = names("id", "job_id", "pipeline_id", "project_id")
	pagingNames     = names("page", "per_page", "pagination", "cursor", "order_by", "sort")
	sliceNames      = names("byte_offset", "byte_limit")
)

func names(all ...string) map[string]bool {
	set := map[string]bool{}
	for _, n := range all {
		set[n] = true
	}
	return set
}

func (v *violations) extraParameters(all []*jobgatev1.Parameter) {
	for i, p := range all {
		field := fmt.Sprintf("extra_parameters[%d].name", i)
		switch base := parameterBase(p.GetName()); {
		case base == "":
			v.add(field, "must not be empty")
		case credentialNames[base]:
			v.add(field, "must not be that of a credential; credentials travel in metadata")
		case pathNames[base]:
			v.add(field, "must not be that of a path parameter")
		case pagingNames[base]:
			v.add(field, "must not be that of a paging parameter; set page_size, page_token or paging")
		case sliceNames[base]:
			v.add(field, "must not be that of a slice; set offset, tail or limit")
		case base == "_method":
			v.add(field, "must not change the method")
		}
	}
}

// parameterBase is the name under which Rack files a parameter: without brackets and
// what is in them, also those in front.
func parameterBase(name string) string {
	name = strings.TrimLeft(name, "[] \t\r\n\x00")
	name, _, _ = strings.Cut(name, "[")
	name = strings.TrimRight(name, "] \t\r\n\x00")
	return strings.ToLower(name)
}
