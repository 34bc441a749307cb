// Package proto_test guards what buf does not check of the contract.
package proto_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// The generator passes over a key of http.yaml that it does not know, so that a
// misspelt one would change a route in silence.
func TestRoutesHaveNoUnknownKeys(t *testing.T) {
	text, err := os.ReadFile("http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkRoutes(text); err != nil {
		t.Error(err)
	}
	misspelt := strings.Replace(string(text), "\n      body:", "\n      boddy:", 1)
	if err := checkRoutes([]byte(misspelt)); err == nil {
		t.Error("a misspelt key passed")
	}
}

func checkRoutes(text []byte) error {
	var file struct {
		Type          string `yaml:"type"`
		ConfigVersion int    `yaml:"config_version"`
		HTTP          struct {
			Rules []map[string]any `yaml:"rules"`
		} `yaml:"http"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return err
	}
	for _, rule := range file.HTTP.Rules {
		asJSON, err := json.Marshal(rule)
		if err != nil {
			return err
		}
		if err := protojson.Unmarshal(asJSON, new(annotations.HttpRule)); err != nil {
			return err
		}
	}
	return nil
}

func TestEveryMethodHasARoute(t *testing.T) {
	text, err := os.ReadFile("http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []protoreflect.FileDescriptor{
		jobgatev1.File_jobgate_v1_job_service_proto, jobgatev1.File_jobgate_v1_bridge_service_proto,
		jobgatev1.File_jobgate_v1_agent_service_proto, jobgatev1.File_jobgate_v1_trace_service_proto,
	} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if name := string(methods.Get(j).FullName()); !strings.Contains(string(text), "selector: "+name+"\n") {
					t.Errorf("%s has no route", name)
				}
			}
		}
	}
}

// Whoever has protoc can compile the files: they need nothing that it lacks.
func TestFilesImportNothingForeign(t *testing.T) {
	files, err := filepath.Glob("jobgate/v1/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if path, ok := strings.CutPrefix(line, `import "`); ok &&
				!strings.HasPrefix(path, "google/protobuf/") && !strings.HasPrefix(path, "jobgate/v1/") {
				t.Errorf("%s: %s", file, line)
			}
		}
	}
}

// Fields that belong to the gateway, not to GitLab's answer, have numbers of their
// own in every entity, where the codec expects them.
func TestResidueHasItsNumbers(t *testing.T) {
	for _, md := range []protoreflect.MessageDescriptor{
		(&jobgatev1.Job{}).ProtoReflect().Descriptor(), (&jobgatev1.Bridge{}).ProtoReflect().Descriptor(),
		(&jobgatev1.AllowedAgents{}).ProtoReflect().Descriptor(),
	} {
		checkResidue(t, md)
	}
}

func checkResidue(t *testing.T, md protoreflect.MessageDescriptor) {
	t.Helper()
	extra, absent := md.Fields().ByName("extra"), md.Fields().ByName("absent")
	if extra == nil || absent == nil || extra.Number() != 1000 || absent.Number() != 1001 || !extra.IsMap() || !absent.IsPacked() {
		t.Errorf("%s lacks the residue", md.FullName())
	}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if m := fd.Message(); m != nil && !fd.IsMap() && strings.HasPrefix(string(m.FullName()), "jobgate.") {
			checkResidue(t, m)
		}
	}
}
