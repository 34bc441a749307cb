package upstream

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// query is the query of a URL under construction.
type query []byte

func (q *query) text(name, value string) {
	if len(*q) > 0 {
		*q = append(*q, '&')
	}
	*q = append(*q, url.QueryEscape(name)...)
	*q = append(*q, '=')
	*q = append(*q, url.QueryEscape(value)...)
}

func (q *query) number(name string, value int64) {
	if len(*q) > 0 {
		*q = append(*q, '&')
	}
	*q = append(*q, name...)
	*q = append(*q, '=')
	*q = strconv.AppendInt(*q, value, 10)
}

func (q *query) optionalText(name string, value *string) {
	if value != nil {
		q.text(name, *value)
	}
}

func (q *query) optionalNumber(name string, value *int64) {
	if value != nil {
		q.number(name, *value)
	}
}

func (q *query) optionalBool(name string, value *bool) {
	if value != nil {
		q.text(name, strconv.FormatBool(*value))
	}
}

// Names that a caller may not send as parameters without a field: credentials,
// which go in headers, what is in the path, and what would change the method.
var reservedNames = []string{
	"private_token", "access_token", "bearer_token", "job_token", "token", "sudo",
	"id", "job_id", "pipeline_id", "_method",
}

// Names that have a field of their own in lists and logs.
var (
	pagingNames = []string{"page", "per_page", "pagination", "cursor", "order_by", "sort"}
	sliceNames  = []string{"byte_offset", "byte_limit"}
)

// extra adds the parameters without a field, as they came. The names in fields
// are refused beside the reserved ones.
func (q *query) extra(parameters []*jobgatev1.Parameter, fields ...string) error {
	for i, p := range parameters {
		name := rackName(p.GetName())
		if slices.Contains(reservedNames, name) || slices.Contains(fields, name) {
			return invalid("extra_parameters["+strconv.Itoa(i)+"].name", "must not be a reserved name")
		}
		q.text(p.GetName(), p.GetValue())
	}
	return nil
}

// rackName is the parameter that Rack would take name for: it passes over
// brackets in front, and takes those behind for members of it.
func rackName(name string) string {
	name = strings.TrimLeft(strings.TrimSpace(name), "[] ")
	if end := strings.IndexAny(name, "[]"); end >= 0 {
		name = name[:end]
	}
	return strings.TrimSpace(name)
}

// statusWords are GitLab's words for job states, by number; contract section 9.1.
var statusWords = func() map[jobgatev1.JobStatus]string {
	words := map[jobgatev1.JobStatus]string{}
	for number, name := range jobgatev1.JobStatus_name {
		words[jobgatev1.JobStatus(number)] = strings.ToLower(strings.TrimPrefix(name, "JOB_STATUS_"))
	}
	delete(words, jobgatev1.JobStatus_JOB_STATUS_UNSPECIFIED)
	return words
}()

func (q *query) scope(states []jobgatev1.JobStatus) error {
	for i, state := range states {
		word, ok := statusWords[state]
		if !ok {
			return invalid("scope["+strconv.Itoa(i)+"]", "must be a known job status")
		}
		q.text("scope[]", word)
	}
	return nil
}
