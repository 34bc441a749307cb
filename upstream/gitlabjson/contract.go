package gitlabjson

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// conditional lists the members that GitLab leaves out when they do not apply:
// an unset field is then no member at all, and a null is unexpected. Every other
// member is always there (contract, section 8). A job's runner_manager, which is
// both left out and null at times, counts as always there: null is the unset
// field, and its absence is noted in `absent`.
var conditional = map[protoreflect.FullName]bool{
	"jobgate.v1.Job.failure_reason":        true, // 8.1: only while failed
	"jobgate.v1.Job.artifacts_file":        true, // 8.2: an unexpired archive exists
	"jobgate.v1.Bridge.failure_reason":     true, // 8.1
	"jobgate.v1.User.created_at":           true, // 8.5: the profile is readable
	"jobgate.v1.User.followers":            true, // 8.5
	"jobgate.v1.User.following":            true, // 8.5
	"jobgate.v1.User.is_followed":          true, // 8.5: needs a viewer
	"jobgate.v1.Runner.created_by":         true, // 8.7: a creator who may be shown
	"jobgate.v1.AllowedAgents.environment": true, // 8.10: the job has one
}

// The residue's field numbers, the same in every entity.
const (
	extraField  = 1000
	absentField = 1001
)

// roots are the messages that answers consist of; what they contain follows.
var roots = []protoreflect.ProtoMessage{
	(*jobgatev1.Job)(nil),
	(*jobgatev1.Bridge)(nil),
	(*jobgatev1.AllowedAgents)(nil),
}
