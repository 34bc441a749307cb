package rest

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// field is a parameter of GitLab's that has a field of the same name in the request of
// an RPC.
type field struct {
	kind   kind
	target string // what grpc-gateway calls it in a query
}

// kind says how a parameter is spelt so that the RPC says the same.
type kind int

const (
	text      kind = iota + 1 // any text
	number                    // a whole number
	flag                      // true or false
	words                     // states of jobs, each as name[]
	object                    // a JSON object
	variables                 // a JSON array of {key, value}
)

// ours are the fields of requests that no parameter of GitLab's may set: the path has
// them, or they are the gateway's own.
var ours = map[protoreflect.Name]bool{
	"project": true, "job_id": true, "pipeline_id": true, "page_size": true, "page_token": true,
	"request_id": true, "extra_parameters": true,
	"offset": true, "cursor": true, "tail_bytes": true, "tail_lines": true, "limit": true, "follow": true,
}

func fieldsOf(request protoreflect.ProtoMessage) map[string]field {
	fields := map[string]field{}
	all := request.ProtoReflect().Descriptor().Fields()
	for i := range all.Len() {
		fd := all.Get(i)
		switch name := fd.Name(); {
		case ours[name]:
		case name == "paging":
			paging := fd.Message().Fields()
			for j := range paging.Len() {
				sub := paging.Get(j)
				fields[string(sub.Name())] = field{kindOf(sub), "paging." + string(sub.Name())}
			}
		default:
			fields[string(name)] = field{kindOf(fd), string(name)}
		}
	}
	return fields
}

func kindOf(fd protoreflect.FieldDescriptor) kind {
	switch {
	case fd.IsList() && fd.Kind() == protoreflect.EnumKind:
		return words
	case fd.IsList():
		return variables
	case fd.Kind() == protoreflect.MessageKind:
		return object
	case fd.Kind() == protoreflect.BoolKind:
		return flag
	case fd.Kind() == protoreflect.Int64Kind:
		return number
	}
	return text
}

// isNumber says whether text is a number as we would write it, so that nothing is lost
// when it is read and written again.
func isNumber(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == text
}

func isFlag(text string) bool { return text == "true" || text == "false" }
