package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// play is POST …/play (contract section 7.11): 200 with a Job, or with a Bridge.
func (c *call) play() *reply {
	p, fail := c.project()
	if fail != nil {
		return fail
	}
	j, fail := c.find(p, true)
	if fail != nil {
		return fail
	}
	if !c.mayPush(p, j.pipeline.ref) {
		return forbidden("")
	}
	if !j.playable(c.now) {
		return badRequest("Unplayable Job")
	}
	if list, _ := c.params["job_variables_attributes"].([]any); len(list) > 0 {
		if p.role(c.who.user) < p.variableRole {
			return forbidden("")
		}
	}
	if !j.bridge {
		if fail := c.checkInputs(j, "job_inputs"); fail != nil {
			return fail
		}
	}
	if j.locked {
		return conflict(resourceLock)
	}
	if final(j.status(c.now)) {
		j = c.again(j)
	} else {
		j.user = c.who.user
		c.start(j)
	}
	if j.bridge {
		return jsonReply(http.StatusOK, c.view.bridge(j))
	}
	return jsonReply(http.StatusOK, c.view.job(j))
}

// checkInputs compares the given inputs with those the job declares.
func (c *call) checkInputs(j *job, name string) *reply {
	given, _ := c.params[name].(map[string]any)
	if c.s.old {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		declared, ok := j.inputs[key]
		if !ok {
			return badRequest("Unknown input: " + key)
		}
		if reason := declared.refuses(given[key]); reason != "" {
			return badRequest("`" + key + "` input: " + reason)
		}
	}
	return nil
}

func (in input) refuses(value any) string {
	if in.boolean {
		if _, ok := value.(bool); !ok {
			return "provided value is not a boolean"
		}
		return ""
	}
	text := fmt.Sprint(value)
	if len(in.options) > 0 && !slices.Contains(in.options, text) {
		return "`" + text + "` cannot be used because it is not in the list of allowed options"
	}
	return ""
}
