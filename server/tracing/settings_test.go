package tracing

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRead(t *testing.T) {
	const otlp = "OTEL_EXPORTER_OTLP_"
	for _, tc := range []struct {
		name string
		env  string // NAME=value, spaces between
		want Settings
		err  string // what the error begins with, "" for none
	}{
		{"nothing", "OTEL_SERVICE_NAME=x OTEL_TRACES_SAMPLER=nonsense", Settings{}, ""},
		{"an endpoint", otlp + "ENDPOINT=http://h:4318", Settings{"otlp", "http/protobuf"}, ""},
		{"an endpoint for traces", otlp + "TRACES_ENDPOINT=https://h/x " + otlp + "PROTOCOL=grpc", Settings{"otlp", "grpc"}, ""},
		{"a protocol for traces", otlp + "ENDPOINT=http://h " + otlp + "PROTOCOL=grpc " + otlp + "TRACES_PROTOCOL=http/protobuf", Settings{"otlp", "http/protobuf"}, ""},
		{"the default endpoint", "OTEL_TRACES_EXPORTER=otlp", Settings{"otlp", "http/protobuf"}, ""},
		{"console", "OTEL_TRACES_EXPORTER=console", Settings{"console", "http/protobuf"}, ""},
		{"none", "OTEL_TRACES_EXPORTER=none " + otlp + "ENDPOINT=http://h", Settings{}, ""},
		{"disabled", "OTEL_SDK_DISABLED=True " + otlp + "ENDPOINT=nonsense", Settings{}, ""},
		{"not disabled", "OTEL_SDK_DISABLED=1 " + otlp + "ENDPOINT=http://h", Settings{"otlp", "http/protobuf"}, ""},
		{"a sampler", "OTEL_TRACES_EXPORTER=otlp OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.01", Settings{"otlp", "http/protobuf"}, ""},
		{"another exporter", "OTEL_TRACES_EXPORTER=zipkin", Settings{}, `environment variable OTEL_TRACES_EXPORTER: "zipkin" is none of otlp, console, none`},
		{"another protocol", otlp + "ENDPOINT=http://h " + otlp + "PROTOCOL=http/json", Settings{}, `environment variable OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" is none of grpc, http/protobuf`},
		{"another sampler", "OTEL_TRACES_EXPORTER=otlp OTEL_TRACES_SAMPLER=x", Settings{}, `environment variable OTEL_TRACES_SAMPLER: "x" is none of`},
		{"a share above 1", "OTEL_TRACES_EXPORTER=otlp OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=1.5", Settings{}, `environment variable OTEL_TRACES_SAMPLER_ARG: "1.5" is no number`},
		{"a share that is none", "OTEL_TRACES_EXPORTER=otlp OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=NaN", Settings{}, `environment variable OTEL_TRACES_SAMPLER_ARG: "NaN" is no number`},
		{"no URL", otlp + "ENDPOINT=user:secret@h:4317", Settings{}, "environment variable OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := map[string]string{}
			for pair := range strings.FieldsSeq(tc.env) {
				name, value, _ := strings.Cut(pair, "=")
				env[name] = value
			}
			got, err := Read(func(name string) string { return env[name] })
			if got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
			switch {
			case (err == nil) != (tc.err == ""), err != nil && !strings.HasPrefix(err.Error(), tc.err):
				t.Errorf("error %v, want %q", err, tc.err)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("it repeats the secret: %v", err)
			}
		})
	}
}

// TestNewsAreFew proves that a collector that is down fills no log.
func TestNewsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		n := newNews(slog.New(slog.NewTextHandler(&log, nil)))
		for range 125 {
			n.Handle(errors.New("it is down"))
			time.Sleep(time.Second)
		}
		if told := strings.Count(log.String(), "it is down"); told != 3 || !strings.Contains(log.String(), "untold=59") {
			t.Errorf("told %d times: %s", told, &log)
		}
		log.Reset()
		n.logger().Error(errors.New("secret"), "parse headers", "input", "key=secret")
		if !strings.Contains(log.String(), "parse headers") || strings.Contains(log.String(), "secret") {
			t.Errorf("told: %s", &log)
		}
	})
}
