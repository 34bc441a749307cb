package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// TestConfigSchema proves that the schema takes what serve takes, and refuses what it
// refuses for its form.
func TestConfigSchema(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"jobgate", "config", "schema"}, nil, nil, &stdout, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	document, err := jsonschema.UnmarshalJSON(&stdout)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("jobgate.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("jobgate.json")
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		"{}": true,
		"upstream: https://gitlab.example.com\nupstream-max-body: 64MiB\nmax-calls: 7\nshutdown-timeout: 1m30s": true,
		"upstream-max-body: 67108864\nsandbox: true\ntls-min-version: 1.3\nlog-level: debug":                    true,
		"trusted-proxies: [10.0.0.0/8]\nhttp-addr: ''":                                                          true,
		"unknown: 1":               false,
		"config: jobgate.yaml":     false,
		"max-calls: many":          false,
		"sandbox: 1":               false,
		"upstream-max-body: 64MB":  false,
		"shutdown-timeout: 5":      false,
		"shutdown-timeout: 5 days": false,
		"log-level: loud":          false,
		"trusted-proxies: [1]":     false,
	} {
		if err := schema.Validate(asJSON(t, text)); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
	printed := new(bytes.Buffer)
	if code := run(t.Context(), []string{"jobgate", "config", "print"}, nil, nil, printed, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	if err := schema.Validate(asJSON(t, printed.String())); err != nil {
		t.Errorf("what is printed: %v", err)
	}
}

// asJSON reads YAML as a validator wants it.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
	if err != nil {
		t.Fatal(err)
	}
	return document
}
