// Package parity proves that the REST face is a drop-in for GitLab's own: it holds nothing but
// tests.
//
// A case is an HTTP request, or a few of them, sent byte for byte. It is played twice, each time
// against a fresh sandbox with the same seed and a clock that stands still: once straight, once
// through the gateway. What the caller got must be equal, and so must what the sandbox received:
// one request for one, with the same method, path, parameters and credential.
//
// docs/parity.md lists the rules with the cases that prove them, and the deliberate differences.
// A test holds the page and the cases together.
package parity
