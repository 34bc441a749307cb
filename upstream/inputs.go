package upstream

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

var (
	errNotFinite = errors.New("must hold finite numbers only")
	errNotUTF8   = errors.New("must hold valid UTF-8 only")
)

// retryBody is the JSON of a retry, nil if nothing is set. The hash is `inputs`
// here, whatever GitLab's documentation says; contract section 7.9.
func retryBody(req *jobgatev1.RetryJobRequest) ([]byte, error) {
	if req.GetInputs() == nil {
		return nil, nil
	}
	body, err := appendStruct([]byte(`{"inputs":`), req.GetInputs())
	if err != nil {
		return nil, invalid("inputs", err.Error())
	}
	return append(body, '}'), nil
}

// playBody is the JSON of a play, nil if nothing is set; contract section 7.11.
func playBody(req *jobgatev1.PlayJobRequest) ([]byte, error) {
	variables, inputs := req.GetJobVariablesAttributes(), req.GetJobInputs()
	if len(variables) == 0 && inputs == nil {
		return nil, nil
	}
	body := []byte{'{'}
	if len(variables) > 0 {
		var err error
		if body, err = appendVariables(body, variables); err != nil {
			return nil, invalid("job_variables_attributes", err.Error())
		}
	}
	if inputs != nil {
		if len(variables) > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = appendStruct(append(body, `"job_inputs":`...), inputs); err != nil {
			return nil, invalid("job_inputs", err.Error())
		}
	}
	return append(body, '}'), nil
}

func appendVariables(dst []byte, variables []*jobgatev1.JobVariable) (_ []byte, err error) {
	dst = append(dst, `"job_variables_attributes":[`...)
	for i, v := range variables {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendString(append(dst, `{"key":`...), v.GetKey()); err != nil {
			return nil, err
		}
		if dst, err = appendString(append(dst, `,"value":`...), v.GetValue()); err != nil {
			return nil, err
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

// appendStruct writes members by name, so that equal inputs make equal bodies.
func appendStruct(dst []byte, s *structpb.Struct) (_ []byte, err error) {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(s.GetFields())) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendString(dst, name); err != nil {
			return nil, err
		}
		if dst, err = appendValue(append(dst, ':'), s.GetFields()[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendValue(dst []byte, v *structpb.Value) ([]byte, error) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_NumberValue:
		return appendNumber(dst, kind.NumberValue)
	case *structpb.Value_StringValue:
		return appendString(dst, kind.StringValue)
	case *structpb.Value_BoolValue:
		return strconv.AppendBool(dst, kind.BoolValue), nil
	case *structpb.Value_StructValue:
		return appendStruct(dst, kind.StructValue)
	case *structpb.Value_ListValue:
		return appendList(dst, kind.ListValue)
	}
	return append(dst, "null"...), nil
}

func appendList(dst []byte, list *structpb.ListValue) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, v := range list.GetValues() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendValue(dst, v); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendNumber writes whole numbers that a double holds exactly as integers: GitLab
// tells 3 from 3.0.
func appendNumber(dst []byte, f float64) ([]byte, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return nil, errNotFinite
	case f == math.Trunc(f) && math.Abs(f) <= 1<<53:
		return strconv.AppendInt(dst, int64(f), 10), nil
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
}

const hexDigits = "0123456789abcdef"

func appendString(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errNotUTF8
	}
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"'), nil
}
