package policy

import "strings"

// maxProject is the longest project in bytes, several times GitLab's longest path.
const maxProject = 2048

// form is how a project is named.
type form int

const (
	noForm form = iota
	byNumber
	byPath
)

func (f form) String() string {
	switch f {
	case byNumber:
		return "number"
	case byPath:
		return "path"
	}
	return "nothing"
}

// projectForm tells a number, without leading zeros, from a path, in lower case. It says
// what is wrong with anything that GitLab could understand in another way than we.
func projectForm(project string) (f form, key, wrong string) {
	switch {
	case project == "":
		return noForm, "", "the project is missing"
	case len(project) > maxProject:
		return noForm, "", "the project is longer than 2048 bytes"
	case digits(project):
		// GitLab takes 042 for 42.
		return byNumber, strings.TrimLeft(project, "0"), ""
	}
	if strings.ContainsFunc(project, func(r rune) bool { return !pathRune(r) && r != '/' }) {
		return noForm, "", "the project is neither a number nor a path of letters, digits, '-', '_' and '.'"
	}
	if wrong := checkSegments(project); wrong != "" {
		return noForm, "", "the project " + wrong
	}
	return byPath, strings.ToLower(project), ""
}

// checkSegments says what is wrong with the segments of a path, or of a pattern of paths.
func checkSegments(path string) (wrong string) {
	n := 0
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return "must not have an empty, '.' or '..' segment"
		}
		n++
	}
	if n < 2 {
		return "is neither a number nor a full path, such as group/app"
	}
	return ""
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// pathRune says whether GitLab's paths can have it.
func pathRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}
