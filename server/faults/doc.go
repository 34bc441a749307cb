// Package faults proves what the gateway tells its callers when the network or GitLab
// fails: it holds nothing but tests.
//
//   - Writes: connections to GitLab are cut, reset, held and delayed at random bytes of
//     requests and answers, while callers on both faces write and repeat. Whatever they are
//     told is held against GitLab's own record: no write is done twice, and nobody is told
//     what is not so.
//   - Callers: their connections to the gateway are cut, reset, half-closed, held and garbled
//     at any byte of a request and of its reply, on both faces. No write is done twice, none
//     is half understood, one that has a request id and is repeated has its first outcome, a
//     log that is gone on with has each byte once, and nothing is left behind.
//   - Routes: each fault of the sandbox on each route over each face ends in a typed error,
//     in time, and leaves nothing behind.
//   - Hostile: a GitLab that sends without end, or hardly at all, costs a bounded memory.
//   - Outage: a GitLab that is down, or one route of which is slow, holds up nobody else.
//   - Fuzzing: whatever bytes a caller sends, or GitLab answers, make a valid answer.
//
// What happens is drawn from a seed; when exactly it happens is not, so that a seed which has
// failed may need a few runs to fail again.
//
//	go test -race ./server/faults                                        a short one
//	go test -race ./server/faults -v -faults.writes 10000 -timeout 1h    the long one, as make soak: callers at every byte
//	go test -race ./server/faults -v -run Writes -faults.seed 42         one round again
package faults
