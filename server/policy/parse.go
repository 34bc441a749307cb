package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxErrors is how many errors of a file are told.
const maxErrors = 20

// parser checks a file, and notes all that is wrong with it.
type parser struct {
	path string
	errs []error
}

func (p *parser) failf(line int, format string, args ...any) {
	switch {
	case len(p.errs) < maxErrors:
		p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.path, line, fmt.Sprintf(format, args...)))
	case len(p.errs) == maxErrors:
		p.errs = append(p.errs, fmt.Errorf("%s: and more errors", p.path))
	}
}

// Parse reads a policy; path is for errors. See [Load].
func Parse(path string, text []byte) (*Policy, error) {
	p := &parser{path: path}
	root, err := p.document(text)
	if err != nil {
		return nil, err
	}
	file := p.mapping(root, "a policy", "version", "read_only", "rules")
	if version := file["version"]; version == nil {
		p.failf(root.Line, "version is missing; this is version: 1")
	} else if version.Kind != yaml.ScalarNode || version.ShortTag() != "!!int" || version.Value != "1" {
		p.failf(version.Line, "version wants 1, the only one there is")
	}
	readOnly := p.boolean(file["read_only"], "read_only")
	var rules []rule
	switch list := file["rules"]; {
	case list == nil:
		p.failf(root.Line, "rules is missing; [] is a policy that allows nothing")
	case list.Kind != yaml.SequenceNode:
		p.failf(list.Line, "rules wants a list of rules")
	case len(list.Content) > maxRules:
		p.failf(list.Line, "%d rules; there can be %d", len(list.Content), maxRules)
	default:
		rules = p.rules(list.Content)
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return compile(rules, readOnly), nil
}

// yamlLine is how the YAML package begins an error that has a line.
var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// document returns the content of the only YAML document.
func (p *parser) document(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s:1: the file is empty; a policy begins with version: 1", p.path)
	case err != nil:
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			return nil, fmt.Errorf("%s:%s: %s", p.path, m[1], strings.TrimPrefix(err.Error(), m[0]))
		}
		return nil, fmt.Errorf("%s: %w", p.path, err)
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: holds more than one YAML document", p.path)
	}
	return doc.Content[0], nil
}

// mapping returns the values of a mapping, which must have only known keys.
func (p *parser) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		p.failf(n.Line, "%s wants keys and values; allowed keys: %s", what, strings.Join(known, ", "))
		return nil
	}
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		earlier, twice := values[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || len(known) > 0 && !slices.Contains(known, key.Value):
			p.failf(key.Line, "unknown key %q; allowed: %s", key.Value, strings.Join(known, ", "))
		case twice:
			p.failf(key.Line, "%s is set twice, first at line %d", key.Value, earlier.Line)
		default:
			values[key.Value] = value
		}
	}
	return values
}

// boolean reads true or false; nothing is false.
func (p *parser) boolean(n *yaml.Node, key string) bool {
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		p.failf(n.Line, "%s wants true or false", key)
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// scalars returns the members of a list, which must have one at least.
func (p *parser) scalars(n *yaml.Node, key, want string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.failf(n.Line, "%s wants a list of %s", key, want)
		return nil
	}
	for _, member := range n.Content {
		if member.Kind != yaml.ScalarNode {
			p.failf(member.Line, "%s wants a list of %s", key, want)
			return nil
		}
	}
	return n.Content
}
