// Package payload makes the answers of GitLab's Jobs API that the benchmark
// measures with: jobs in several states, in the forms of several instances.
package payload

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed current/*.json seed/*.json
var files embed.FS

// FirstJob is the number of the first job of every variant.
const FirstJob = 13372360000

// Count is how many different jobs a variant has.
const Count = 200

// mix is the states of ten neighbours on a page: mostly ended, some not yet
// started, as a project's page looks.
var mix = []string{
	"success", "failed", "running", "manual", "success",
	"canceled", "failed", "success", "running", "manual",
}

// Variant is the form that one kind of instance answers in. The fake upstream
// tells them apart by the project's number.
type Variant struct {
	// Name is the word for it on the command line and in the report.
	Name string
	// About says in the report what it stands for.
	About string
	// Project is the number of the project that has these jobs.
	Project int64
	// NoTrailers empties each commit's extended_trailers.
	NoTrailers bool

	folder string
	zone   *time.Location
}

// Variants are the forms that are measured.
var Variants = []Variant{
	{Name: "current", About: "current GitLab, instance on UTC", Project: 101, folder: "current"},
	{Name: "zone", About: "current GitLab, instance two hours east of UTC", Project: 102, folder: "current", zone: time.FixedZone("", 2*60*60)},
	{Name: "seed", About: "GitLab about 15.6: fewer members", Project: 103, folder: "seed"},
}

// WithoutTrailers is v with empty extended_trailers, under a project number of
// its own. client-go has declared that member as text where GitLab sends lists
// of text, and refuses every job that has some.
func (v Variant) WithoutTrailers() Variant {
	v.NoTrailers = true
	v.Project += 1000
	return v
}

// WithETag is v under a project number of its own, whose pages the fake upstream
// sends with an ETag.
func (v Variant) WithETag() Variant {
	v.Project += 2000
	return v
}

// JobID is the number of job i, which is taken modulo Count.
func JobID(i int) int64 { return FirstJob + int64(i%Count) }

// instanceTime is a time that the instance wrote; commit dates have an offset.
var instanceTime = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)

// trailers is the member that WithoutTrailers empties.
var trailers = regexp.MustCompile(`"extended_trailers":\{[^}]*\}`)

// Job returns the JSON of job i as GitLab sends it, without white space.
func (v Variant) Job(i int) ([]byte, error) {
	i %= Count
	raw, err := files.ReadFile(v.folder + "/" + mix[i%len(mix)] + ".json")
	if err != nil {
		return nil, err
	}
	var head struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name, err)
	}
	text := compact.String()
	text = strings.ReplaceAll(text, strconv.FormatInt(head.ID, 10), strconv.FormatInt(JobID(i), 10))
	name := `"name":"` + head.Name
	text = strings.Replace(text, name, fmt.Sprintf("%s %d/%d", name, i+1, Count), 1)
	if v.zone != nil {
		text = instanceTime.ReplaceAllStringFunc(text, v.inZone)
	}
	if v.NoTrailers {
		text = trailers.ReplaceAllString(text, `"extended_trailers":{}`)
	}
	return []byte(text), nil
}

// List returns the JSON of a page of the n newest jobs, newest first.
func (v Variant) List(n int) ([]byte, error) {
	page := []byte{'['}
	for i := range n {
		job, err := v.Job(Count - 1 - i)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			page = append(page, ',')
		}
		page = append(page, job...)
	}
	return append(page, ']'), nil
}

// inZone writes a quoted time in the variant's zone.
func (v Variant) inZone(quoted string) string {
	t, err := time.Parse(time.RFC3339, strings.Trim(quoted, `"`))
	if err != nil {
		return quoted
	}
	return t.In(v.zone).Format(`"2006-01-02T15:04:05.000Z07:00"`)
}
