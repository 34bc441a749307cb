// Package live shares the logs of jobs among those who follow them: one fetcher reads a
// log from GitLab, any number of readers walk its bytes at their own pace, and each
// distinct credential among them gets GitLab's own yes, again and again. It knows nothing
// of gRPC or HTTP.
package live
