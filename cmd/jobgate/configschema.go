package main

import (
	"reflect"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
)

// configSchema is the JSON Schema of a file with these settings.
func configSchema(flags []*kong.Flag) map[string]any {
	properties := map[string]any{}
	for _, flag := range flags {
		if isSetting(flag) {
			properties[flag.Name] = flagSchema(flag)
		}
	}
	return map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "Configuration of jobgate serve",
		"type":                 "object",
		"additionalProperties": false,
		"properties":           properties,
	}
}

// Forms of values that are texts.
const (
	durationForm = `^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))*$|^0$`
	sizeForm     = `^[0-9]+(KiB|MiB|GiB)?$`
)

// flagSchema is that of one setting.
func flagSchema(flag *kong.Flag) map[string]any {
	one := map[string]any{"description": flag.Help}
	if flag.HasDefault {
		one["default"] = flag.Default
	}
	switch target := flag.Target.Type(); {
	case flag.Enum != "":
		one["enum"] = enumValues(flag)
	case target == reflect.TypeFor[byteSize]():
		one["type"], one["pattern"], one["minimum"] = []string{"integer", "string"}, sizeForm, 0
	case target == reflect.TypeFor[time.Duration]():
		one["type"], one["pattern"] = "string", durationForm
	case target.Kind() == reflect.Bool:
		one["type"] = "boolean"
		one["default"] = flag.Default == "true"
	case target.Kind() == reflect.Int, target.Kind() == reflect.Uint32, target.Kind() == reflect.Uint64:
		one["type"] = "integer"
		if n, err := strconv.Atoi(flag.Default); err == nil {
			one["default"] = n
		}
	case target.Kind() == reflect.Slice:
		one["type"], one["items"] = []string{"string", "array"}, map[string]any{"type": "string"}
	default:
		one["type"] = "string"
	}
	return one
}

// enumValues are the words of a setting; those that YAML reads as numbers are both.
func enumValues(flag *kong.Flag) (all []any) {
	for _, word := range flag.EnumSlice() {
		all = append(all, word)
		if word == "1.2" {
			all = append(all, 1.2)
		}
		if word == "1.3" {
			all = append(all, 1.3)
		}
	}
	return all
}
