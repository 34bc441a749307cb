package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// marshal is protojson with the contract's own names. Its spaces vary from build to
// build on purpose, so callers lay the result out anew.
func marshal(m proto.Message) ([]byte, error) {
	return protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
}

// printMessage writes a message as indented JSON.
func printMessage(w io.Writer, m proto.Message) error {
	text, err := marshal(m)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = out.WriteTo(w)
	return err
}

// printLine writes a message as one line of JSON.
func printLine(w io.Writer, m proto.Message) error {
	text, err := marshal(m)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = out.WriteTo(w)
	return err
}

// printEvent writes one message of a stream: the bytes of a log as they are, other
// events of a log aside, messages of other streams as JSON.
func printEvent(p *process, m proto.Message) error {
	event, ok := m.(*jobgatev1.ReadTraceResponse)
	switch {
	case !ok:
		return printMessage(p.stdout, m)
	case event.GetChunk() != nil:
		_, err := p.stdout.Write(event.GetChunk().GetData())
		return err
	default:
		return printLine(p.stderr, m)
	}
}

// printable is text from elsewhere, safe for a terminal: as it is, or quoted if it has
// control characters or is not UTF-8.
func printable(text string) string {
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, control) {
		return strconv.Quote(text)
	}
	return text
}

// linef is a formatted line of a report.
func linef(w *strings.Builder, format string, args ...any) {
	fmt.Fprintf(w, "\n  "+format, args...)
}
