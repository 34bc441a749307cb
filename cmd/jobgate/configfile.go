package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile is a configuration file as read: flat, keys spelt like the flags.
type configFile struct {
	path    string
	entries map[string]entry
}

// entry is one setting of a file.
type entry struct {
	value string
	line  int
}

// place describes a line of the file.
func (f configFile) place(line int) string { return fmt.Sprintf("%s:%d", f.path, line) }

// parseConfig reads the text of the file at path, whose keys must be names of flags. It
// tells all that is wrong with the file, with line and key.
func parseConfig(path string, text []byte, flags []*kong.Flag) (configFile, error) {
	file := configFile{path: path, entries: map[string]entry{}}
	root, err := parseDocument(text)
	if err != nil || root == nil {
		return file, wrapPath(path, err)
	}
	if root.Kind != yaml.MappingNode {
		return file, fmt.Errorf("%s: not a list of settings (key: value)", file.place(root.Line))
	}
	known := map[string]*kong.Flag{}
	for _, flag := range flags {
		known[flag.Name] = flag
	}
	var errs []error
	for i := 0; i+1 < len(root.Content); i += 2 {
		errs = append(errs, file.add(root.Content[i], root.Content[i+1], known))
	}
	return file, errors.Join(errs...)
}

// parseDocument returns the content of the only YAML document in text, or nil if empty.
func parseDocument(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // an empty file sets nothing, and is fine
	case err != nil:
		return nil, err
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one YAML document")
	}
	if doc.Content[0].ShortTag() == "!!null" {
		return nil, nil //nolint:nilnil // comments alone, likewise
	}
	return doc.Content[0], nil
}

func wrapPath(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// add takes one pair of the file.
func (f configFile) add(key, value *yaml.Node, known map[string]*kong.Flag) error {
	name, where := key.Value, f.place(key.Line)
	flag := known[name]
	if flag != nil && flag.IsSlice() {
		value = listed(value)
	}
	switch earlier, twice := f.entries[name]; {
	case flag == nil || name == "config":
		return fmt.Errorf("%s: unknown key %q", where, name)
	case twice:
		return fmt.Errorf("%s: %s is set twice, first at line %d", where, name, earlier.line)
	case value.Kind != yaml.ScalarNode || !suits(flag, value.ShortTag()):
		return fmt.Errorf("%s: %s wants %s", where, name, wanted(flag))
	}
	f.entries[name] = entry{value.Value, key.Line}
	return nil
}

// listed is a YAML list of texts as the one text that a flag wants; anything else as it is.
func listed(list *yaml.Node) *yaml.Node {
	if list.Kind != yaml.SequenceNode {
		return list
	}
	var texts []string
	for _, element := range list.Content {
		if element.Kind != yaml.ScalarNode || element.ShortTag() != "!!str" {
			return list
		}
		texts = append(texts, element.Value)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: kong.JoinEscaped(texts, ',')}
}

// suits says whether a YAML value of this tag can be the value of a flag.
func suits(flag *kong.Flag, tag string) bool {
	switch kind := flag.Target.Kind(); {
	case kind == reflect.Bool:
		return tag == "!!bool"
	case flag.Target.Type() == reflect.TypeFor[byteSize]():
		return tag == "!!int" || tag == "!!str"
	case kind == reflect.Uint64, kind == reflect.Uint32, kind == reflect.Int:
		return tag == "!!int"
	case flag.Enum != "":
		return tag == "!!str" || tag == "!!float" // tls-min-version: 1.3
	default:
		return tag == "!!str"
	}
}

// wanted says in words what suits tests.
func wanted(flag *kong.Flag) string {
	switch kind := flag.Target.Kind(); {
	case kind == reflect.Bool:
		return "true or false"
	case flag.Target.Type() == reflect.TypeFor[byteSize]():
		return "a size, such as 32MiB or 33554432"
	case kind == reflect.Uint64, kind == reflect.Uint32, kind == reflect.Int:
		return "a number"
	case kind == reflect.Int64:
		return "a duration, such as 30s"
	case flag.IsSlice():
		return "a text, or a list of texts"
	default:
		return "a text"
	}
}
