// Command sbom writes the software bill of materials of a Go binary, as SPDX 2.3 in JSON. It
// tells what the binary says of itself: the Go that built it and the modules within.
//
//	sbom -version v0.1.0 -time 1700000000 -o jobgate.spdx.json jobgate
package main

import (
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	version := flag.String("version", "", "version of the binary's own module")
	seconds := flag.Int64("time", 0, "when it was made, in seconds since 1970: that of the commit, so that equal binaries have equal bills")
	out := flag.String("o", "", "file to write")
	flag.Parse()
	if flag.NArg() != 1 || *version == "" || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *version, time.Unix(*seconds, 0), *out); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(binary, version string, at time.Time, out string) error {
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	text, err := bill(filepath.Base(binary), version, at, data, info)
	if err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o644) //nolint:gosec // it is published
}
