// Package inproc is a gRPC channel within the process: calls made through it pass the
// same interceptors and reach the same services as those from the network, without
// frames, copies or a port. What only a caller in the same process can know or hand
// over travels as a Go value in the context, see [Caller]. See
// docs/adr/0004-in-process-channel.md.
package inproc
