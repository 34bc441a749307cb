// Package quota learns how many calls GitLab allows, and paces those of the gateway so
// that it is hardly ever refused with 429. A [Limiter] stands before one GitLab; [Limiter.Wait]
// returns a [Ticket] when a call may be sent, and the ticket is told what came back. It
// sends nothing itself.
//
// # What is learned
//
// A call passes two buckets: that of its credential, the general throttle, and that of its
// route with this credential, such as the limit of listing a project's jobs.
//
// The credential's bucket is told by the RateLimit headers of any answer. GitLab counts in
// fixed windows that begin at whole multiples of their length (request_throttle_data.rb).
// RateLimit-Limit is scaled to 60 seconds, but Observed and Remaining are those of the real
// window, so their sum is its limit. Within a window Observed only grows, so answers may
// come in any order; calls in flight are taken off what remains. The clock is GitLab's, by
// the Date header. Headers named for unauthenticated calls are those of the gateway's own
// address, and are not learned for a credential.
//
// A limit that no header tells is hidden: calls are free until one is refused. What
// succeeded before it, in the last 60 seconds or since GitLab's minute began, is the
// estimate. From then on no 60 seconds, wherever they begin, see more calls than that: a
// place is free again 60 seconds after the answer of the call that had it. After ten quiet
// windows, one call more at a time is tried.
//
// # Whose refusal it is
//
//   - RateLimit-Remaining above 0: the route's, since the general throttle is not exhausted.
//   - RateLimit-Remaining 0, in a text answer or with the credential's RateLimit-Name: the
//     credential's.
//   - Text or HTML without these headers: the credential's.
//   - Anything else: the route's, at first. If another route is refused within a minute
//     and none succeeds between, both share a third bucket from then on, too.
//
// # Who comes first
//
// Interactive calls come before polls, but every eighth call is a poll's if one waits, and
// polls leave half of what is left of a window to interactive calls. Within a class,
// callers take turns; within a caller, who came first.
//
// Who cannot be served before its deadline is refused at once with [Exhausted].
//
// No goroutine runs; there is one timer for each credential with calls that wait.
package quota
