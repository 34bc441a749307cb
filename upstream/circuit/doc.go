// Package circuit stops calling what is down: a [Breaker] stands before one upstream, or
// one route of it, learns from the outcomes of calls that it does not answer, and then
// refuses calls at once, until a single call, let through now and then, shows that it
// answers again. It knows nothing of HTTP but the statuses of [OfStatus].
//
// # When it opens
//
// On either of two rules, so that it notices a dead upstream about as soon whether it is
// asked once or five hundred times a second, and does not mind the failures of a busy one:
//
//   - Run failures (2 by default) without a success between them, over at least RunTime
//     (half a second). Where calls are many, that is hundreds of failures in a row; where
//     they are few, it opens on few, but then a needless opening costs little, too.
//   - A Share of failures (half) among at least MinCalls (20) in the last Window (2 s).
//
// # When it closes
//
// While it is open, one call at a time is let through as a probe: a read, since a write
// must not be spent on a guess. The first comes after FirstProbe, and the interval doubles
// with each failure up to LastProbe, with jitter. After a success, a tenth, a quarter and
// a half of the calls are let through, a RampStep each at least and until one of them
// succeeds; then all. If it opens meanwhile, the intervals go on from where they were.
//
// No timer runs: a breaker changes when it is asked, told or looked at.
package circuit
