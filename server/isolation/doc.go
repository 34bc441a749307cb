// Package isolation proves that nothing which GitLab says to one caller reaches another one,
// and that no token is written anywhere: it holds nothing but tests.
//
// TestIsolation lets callers of different rights, whose rights come and go, ask for the same
// things at the same time, over both faces of a whole gateway. The GitLab behind it is a model
// that marks every answer, header and body, with whom it is for, and remembers when it was
// given. What a caller is told must be marked for just his credential, and GitLab must have
// said it, or its yes to it, since he asked. Only the bytes of a log that is followed may be
// older than that, by the re-check interval. Time is that of a synctest bubble. What happens is
// drawn from a seed; the order of what happens at the same time is not.
//
// TestCanaries sends secrets by every way into a gateway that runs as a process of its own,
// lets everything fail, and looks for them in all that comes out.
//
//	go test -race ./server/isolation                                     a short one
//	go test -race ./server/isolation -isolation.steps 1000000 -timeout 1h
//	go test -race ./server/isolation -run TestIsolation -isolation.seed 42   one round again
package isolation
