package upstream

import (
	"net/url"
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

// Why a parameter may not be sent as one without a field.
const (
	isCredential = "must not be that of a credential, which has a header"
	isInPath     = "must not be that of a path parameter"
	isPaging     = "must not be that of a paging parameter, which has a field"
	isSlice      = "must not be that of a part of a log, which has a field"
	isMethod     = "must not change the method"
)

// placed are the parameters that have a place of their own.
var placed = map[string]string{
	"private_token": isCredential, "access_token": isCredential, "bearer_token": isCredential,
	"job_token": isCredential, "token": isCredential, "sudo": isCredential,
	"id": isInPath, "job_id": isInPath, "pipeline_id": isInPath,
	"page": isPaging, "per_page": isPaging, "pagination": isPaging,
	"cursor": isPaging, "order_by": isPaging, "sort": isPaging,
	"byte_offset": isSlice, "byte_limit": isSlice,
	"_method": isMethod,
}

// MayBeExtra says whether a parameter of that name may be one of the extra parameters
// of a request: it must not have a place of its own.
func MayBeExtra(name string) bool {
	base := ParameterName(name)
	return base != "" && placed[base] == ""
}

// IsCredential says whether GitLab takes a parameter of that name for a credential, or
// for the user to act as; contract section 2.
func IsCredential(name string) bool { return placed[ParameterName(name)] == isCredential }

// extra adds the parameters without a field, as they came.
func (q *query) extra(parameters []*jobgatev1.Parameter) error {
	for i, p := range parameters {
		name := ParameterName(p.GetName())
		rule := placed[name]
		if name == "" {
			rule = "must not be empty"
		}
		if rule != "" {
			return invalid("extra_parameters["+strconv.Itoa(i)+"].name", rule)
		}
		q.text(p.GetName(), p.GetValue())
	}
	return nil
}

// ParameterName is the parameter that Rack, below GitLab, takes name for: it passes over
// brackets in front, and takes those behind for members of it.
func ParameterName(name string) string {
	const blank = " \t\r\n\x00"
	name = strings.TrimLeft(name, "[]"+blank)
	if end := strings.IndexAny(name, "[]"); end >= 0 {
		name = name[:end]
	}
	return strings.TrimRight(name, blank)
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

// StatusOf is the state of one of GitLab's words, 0 for a word that there is none for.
func StatusOf(word string) jobgatev1.JobStatus {
	for state, known := range statusWords {
		if known == word {
			return state
		}
	}
	return 0
}

func (q *query) scope(states []jobgatev1.JobStatus) error {
	for i, state := range states {
		word, ok := statusWords[state]
		if !ok {
			return invalid("scope["+strconv.Itoa(i)+"]", "must be a known state; a newer word goes as extra parameter scope[]")
		}
		q.text("scope[]", word)
	}
	return nil
}
