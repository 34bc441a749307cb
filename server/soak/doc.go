// Package soak proves that a followed log arrives whole, whatever happens to the
// connections, the gateways and GitLab meanwhile: it holds nothing but tests.
//
// A round is a GitLab (the sandbox) with one job, two gateways in front of it, and clients of
// all kinds that follow the job's log: clients/go/follow, ReadTrace itself, server-sent events,
// lines of JSON, plain text. Connections are in memory and time is that of a synctest bubble,
// so that a round of an hour takes a second. What happens is drawn from a seed; when exactly
// it happens is not, since goroutines and the gateways' own jitter are as they are. A seed that
// has failed may need a few runs to fail again.
//
// The oracle remembers each version that the log has had, each with the time of its bytes. See
// record for what a follower must never see.
//
//	go test -race ./server/soak                                   a short one
//	go test -race ./server/soak -v -soak.events 10000 -timeout 1h the long one, as make soak
//	go test -race ./server/soak -v -soak.seed 42                  one round again
//
// -soak.without leaves kinds of events out, by their names in the summary, to find which of
// them a failure needs.
package soak
