package main

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// settings gives the flags that are not on the command line their values: from the
// environment, else from the configuration file. It remembers which came from where, and
// what is wrong with them.
type settings struct {
	env    map[string]string // the JOBGATE_ variables
	file   configFile
	origin map[string]string // flag name to a description of its source
	given  map[string]bool   // flags that have a value from somewhere, not by default
	errs   []error
}

func newSettings(environ []string) *settings {
	s := &settings{env: map[string]string{}, origin: map[string]string{}, given: map[string]bool{}}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "JOBGATE_") {
			s.env[name] = value
		}
	}
	return s
}

// Validate implements kong.Resolver. Keys of the file are checked when it is loaded.
func (*settings) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if value, ok := s.env[name]; ok {
			return s.take(flag, value, fromEnvironment(name))
		}
	}
	if entry, ok := s.file.entries[flag.Name]; ok {
		return s.take(flag, entry.value, s.file.place(entry.line))
	}
	return nil, nil //nolint:nilnil // how a resolver says that it has no value
}

func fromEnvironment(variable string) string { return "environment variable " + variable }

// take accepts a value for a flag, or notes what is wrong with it and where it is from:
// the parser, which does the same again, does not know the second, and ends with the first
// that is wrong.
func (s *settings) take(flag *kong.Flag, value, origin string) (any, error) {
	s.origin[flag.Name] = origin
	target := reflect.New(flag.Target.Type()).Elem()
	token := kong.Token{Type: kong.FlagValueToken, Value: value}
	decode := &kong.DecodeContext{Value: flag.Value, Scan: kong.ScanFromTokens(token)}
	if err := flag.Mapper.Decode(decode, target); err != nil {
		s.errs = append(s.errs, fmt.Errorf("%s: %w", s.name(flag.Name), err))
		return nil, nil //nolint:nilnil // goes on with the default, for what else is wrong
	}
	if flag.Enum != "" && !slices.Contains(flag.EnumSlice(), value) {
		s.errs = append(s.errs, fmt.Errorf("%s: %q is none of %s", s.name(flag.Name), value, flag.Enum))
		return nil, nil //nolint:nilnil // likewise
	}
	return value, nil
}

// name names a setting in an error: as a flag, and where it came from if not from there.
func (s *settings) name(flag string) string { return named(flag, s.origin[flag]) }

func named(flag, origin string) string {
	if origin == "" {
		return "--" + flag
	}
	return fmt.Sprintf("--%s (%s)", flag, origin)
}

// noteGiven remembers which flags of the command that was parsed have a value.
func (s *settings) noteGiven(kctx *kong.Context) {
	for _, element := range kctx.Path {
		if element.Flag != nil {
			s.given[element.Flag.Name] = true
		}
	}
}

// warnUnknown names the JOBGATE_ variables that no flag of any command has. They are not
// refused, since other programs may have set them.
func (s *settings) warnUnknown(w io.Writer, app *kong.Application) {
	known := map[string]bool{}
	for _, command := range app.Leaves(false) {
		for _, flag := range command.Flags {
			for _, name := range flag.Envs {
				known[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		if !known[name] && !serviceLink(name) {
			fmt.Fprintf(w, "jobgate: warning: environment variable %s is not known, ignored\n", name)
		}
	}
}

// serviceLink says whether a variable is one of those that Kubernetes sets in each
// container of a namespace which has a Service named jobgate.
func serviceLink(name string) bool {
	return name == "JOBGATE_PORT" || strings.HasPrefix(name, "JOBGATE_PORT_") ||
		name == "JOBGATE_SERVICE_HOST" || strings.HasPrefix(name, "JOBGATE_SERVICE_PORT")
}
