// Package grpc keeps the service config beside it in step with the contract. It holds nothing
// but tests.
package grpc
