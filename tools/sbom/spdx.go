package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"runtime/debug"
	"strings"
	"time"
)

// The parts of SPDX 2.3 that are used, as its JSON schema names them.
type (
	document struct {
		SPDXVersion       string         `json:"spdxVersion"`
		DataLicense       string         `json:"dataLicense"`
		SPDXID            string         `json:"SPDXID"`
		Name              string         `json:"name"`
		DocumentNamespace string         `json:"documentNamespace"`
		CreationInfo      creationInfo   `json:"creationInfo"`
		DocumentDescribes []string       `json:"documentDescribes"`
		Packages          []spdxPackage  `json:"packages"`
		Relationships     []relationship `json:"relationships"`
	}
	creationInfo struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		Name             string        `json:"name"`
		SPDXID           string        `json:"SPDXID"`
		VersionInfo      string        `json:"versionInfo"`
		PackageFileName  string        `json:"packageFileName,omitempty"`
		DownloadLocation string        `json:"downloadLocation"`
		FilesAnalyzed    bool          `json:"filesAnalyzed"`
		Checksums        []checksum    `json:"checksums,omitempty"`
		SourceInfo       string        `json:"sourceInfo,omitempty"`
		LicenseConcluded string        `json:"licenseConcluded"`
		LicenseDeclared  string        `json:"licenseDeclared"`
		CopyrightText    string        `json:"copyrightText"`
		Purpose          string        `json:"primaryPackagePurpose"`
		ExternalRefs     []externalRef `json:"externalRefs"`
	}
	checksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	externalRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	relationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
)

const noAssertion = "NOASSERTION"

// bill is the bill of a binary with that name and content.
func bill(name, version string, at time.Time, data []byte, info *debug.BuildInfo) ([]byte, error) {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	own := module(info.Main.Path, version, "", "APPLICATION")
	own.PackageFileName, own.Checksums = name, []checksum{{"SHA256", digest}}
	own.LicenseConcluded, own.LicenseDeclared = "MIT", "MIT"
	doc := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: name,
		DocumentNamespace: "https://" + info.Main.Path + "/spdx/" + name + "-" + digest,
		CreationInfo:      creationInfo{at.UTC().Format(time.RFC3339), []string{"Tool: " + info.Main.Path + "/tools/sbom"}},
		DocumentDescribes: []string{own.SPDXID},
		Packages:          []spdxPackage{own},
		Relationships:     []relationship{{"SPDXRef-DOCUMENT", "DESCRIBES", own.SPDXID}},
	}
	within := []spdxPackage{module("stdlib", strings.TrimPrefix(info.GoVersion, "go"), "", "LIBRARY")}
	for _, dep := range info.Deps {
		for dep.Replace != nil {
			dep = dep.Replace
		}
		within = append(within, module(dep.Path, dep.Version, dep.Sum, "LIBRARY"))
	}
	for i := range within {
		doc.Packages = append(doc.Packages, within[i])
		doc.Relationships = append(doc.Relationships, relationship{own.SPDXID, "CONTAINS", within[i].SPDXID})
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	return append(text, '\n'), err
}

// module is a Go module; sum is what go.sum has of it, which is no checksum of a file.
func module(path, version, sum, purpose string) spdxPackage {
	p := spdxPackage{
		Name: path, SPDXID: "SPDXRef-" + identifier(path+"-"+version), VersionInfo: version,
		DownloadLocation: noAssertion, LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, CopyrightText: noAssertion,
		Purpose:      purpose,
		ExternalRefs: []externalRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")}},
	}
	if sum != "" {
		p.SourceInfo = "go.sum: " + sum
	}
	return p
}

// identifier is text in the alphabet of SPDX's identifiers.
func identifier(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, text)
}
