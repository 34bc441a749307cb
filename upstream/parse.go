package upstream

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// maxMessage is the length of [Error.Message] in bytes.
const maxMessage = 512

// explain reads GitLab's words out of the text of e.Body, in every form of contract
// section 3.
func explain(e *Error, text string) {
	words := ""
	switch mediaType(e.ContentType) {
	case "text/plain":
		words = text
	case "text/html", "application/xhtml+xml":
		words = pageTitle(text)
	case "application/json", "":
		words = explainJSON(e, text)
	}
	if e.Message = printable(words, maxMessage); e.Message == "" {
		e.Message = http.StatusText(e.Status)
	}
}

// explainJSON reads `message`, else `error_description`, else `error`. Only Grape,
// which checks parameters, and token problems use `error`.
func explainJSON(e *Error, text string) string {
	var body struct {
		Message     any `json:"message"`
		Error       any `json:"error"`
		Description any `json:"error_description"`
	}
	if json.Unmarshal([]byte(text), &body) != nil {
		return ""
	}
	code, description := flatten(body.Error), flatten(body.Description)
	if description != "" {
		e.Code = printable(code, maxMessage)
	} else if e.Status == http.StatusBadRequest {
		e.Violations = violations(code)
	}
	for _, words := range []string{flatten(body.Message), description, code} {
		if words != "" {
			return words
		}
	}
	return ""
}

// flatten makes one text of a message, which can be an array or an object, such
// as {"error":"…"} of a rate limit or {"base":["…"]} of a validation.
func flatten(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = flatten(element)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, flattenMember(name, v[name]))
		}
		return strings.Join(parts, "; ")
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}

func flattenMember(name string, v any) string {
	if name == "error" || name == "base" {
		return flatten(v)
	}
	return name + " " + flatten(v)
}

var title = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title`)

// pageTitle is what a page of HTML, from a front end, says in short.
func pageTitle(page string) string {
	if m := title.FindStringSubmatch(page); m != nil {
		return html.UnescapeString(strings.TrimSpace(m[1]))
	}
	return "a page of HTML"
}

// mediaType is the type of a Content-Type header without its parameters.
func mediaType(contentType string) string {
	if t, _, err := mime.ParseMediaType(contentType); err == nil {
		return t
	}
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// A parameter as Grape writes it, and the rules it states about one.
var (
	parameter = regexp.MustCompile(`^[A-Za-z_]\w*(\[[^\]\s]*\])*$`)
	rule      = regexp.MustCompile(`^(is|are|does|has|have|must|should|may|can|cannot)\b`)
)

// violations reads Grape's words, for instance `scope does not have a valid value`.
// Several are joined by ", "; so are the parameters of one rule.
func violations(words string) []Violation {
	var found []Violation
	var waiting []string // parameters whose rule is yet to come
	for part := range strings.SplitSeq(words, ", ") {
		name, says, _ := strings.Cut(part, " ")
		if !parameter.MatchString(name) || says != "" && !rule.MatchString(says) {
			return nil // other words than Grape's
		}
		waiting = append(waiting, name)
		if says == "" {
			continue
		}
		for _, name := range waiting {
			found = append(found, Violation{Field: name, Rule: printable(says, maxMessage)})
		}
		waiting = waiting[:0]
	}
	return found
}
