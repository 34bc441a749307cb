package tracing

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Settings are what the environment says of traces, as far as this package decides it. Read
// makes them; the zero Settings is off.
type Settings struct {
	// Exporter is where spans go: "otlp", "console", or "" for nowhere.
	Exporter string
	// Protocol is that of OTLP: "grpc" or "http/protobuf".
	Protocol string
}

// On says whether there are traces.
func (s Settings) On() bool { return s.Exporter != "" }

var (
	exporters = []string{"otlp", "console", "none"}
	protocols = []string{"grpc", "http/protobuf"}
	samplers  = []string{
		"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
	}
)

// Read reads the environment. Traces are on if there is an endpoint for them, or an
// exporter is named; a variable that is wrong is an error, which does not repeat values that
// may be secret.
func Read(getenv func(string) string) (Settings, error) {
	exporter, endpoint := getenv("OTEL_TRACES_EXPORTER"), tracesVariable(getenv, "ENDPOINT")
	switch {
	case strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true"), exporter == "none", exporter == "" && getenv(endpoint) == "":
		return Settings{}, nil
	}
	s := Settings{Exporter: cmp.Or(exporter, exporters[0])}
	protocol := tracesVariable(getenv, "PROTOCOL")
	s.Protocol = cmp.Or(getenv(protocol), "http/protobuf")
	err := errors.Join(
		oneOf("OTEL_TRACES_EXPORTER", s.Exporter, exporters),
		oneOf(protocol, s.Protocol, protocols),
		checkSampler(getenv("OTEL_TRACES_SAMPLER"), getenv("OTEL_TRACES_SAMPLER_ARG")),
		checkEndpoint(endpoint, getenv(endpoint)),
	)
	if err != nil {
		return Settings{}, err
	}
	return s, nil
}

// tracesVariable is the variable of OTLP that counts: that for traces alone, or that for all.
func tracesVariable(getenv func(string) string, what string) string {
	if own := "OTEL_EXPORTER_OTLP_TRACES_" + what; getenv(own) != "" {
		return own
	}
	return "OTEL_EXPORTER_OTLP_" + what
}

func oneOf(variable, value string, words []string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return fmt.Errorf("environment variable %s: %q is none of %s", variable, value, strings.Join(words, ", "))
}

func checkSampler(name, arg string) error {
	if name == "" {
		return nil
	}
	if err := oneOf("OTEL_TRACES_SAMPLER", name, samplers); err != nil || arg == "" || !strings.HasSuffix(name, "traceidratio") {
		return err
	}
	if share, err := strconv.ParseFloat(arg, 64); err != nil || !(share >= 0 && share <= 1) {
		return fmt.Errorf("environment variable OTEL_TRACES_SAMPLER_ARG: %q is no number from 0 to 1", arg)
	}
	return nil
}

// checkEndpoint refuses what the exporter would pass over, for its default. The value is not
// repeated: it may hold a password.
func checkEndpoint(variable, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("environment variable %s: must be a URL such as http://127.0.0.1:4318", variable)
	}
	return nil
}
