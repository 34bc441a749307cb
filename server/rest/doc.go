// Package rest is the REST face: GitLab's own Jobs API, so that GitLab's clients work
// against the gateway as they are. A request that fits an RPC goes through grpc-gateway
// and the in-process channel; one that fits none (a HEAD, a value of another type, an
// odd spelling) is sent on as it came and answered by GitLab itself. docs/parity.md
// lists what holds, and the differences.
package rest
