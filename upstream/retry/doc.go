// Package retry decides whether and when a read that failed is tried again. A [Policy] is
// shared by all calls to one upstream, and bounds what they add to its load: when many
// fail, few are tried again.
//
//	call := policy.Begin()
//	for {
//		answer, err := attempt(ctx)
//		if !isTransient(err) || call.Wait(ctx, retryAfter(err)) != retry.Again {
//			return answer, err
//		}
//	}
//
// # The budget
//
// A call earns a Share of a retry (a tenth by default), unless its first attempt fails; a
// retry costs one. What is earned is forgotten over Memory (2 s), so that a short failure
// has much to spend at any load, and a long one little. Time earns a few more (PerSecond,
// up to Reserve), so that a call that fails alone is tried again.
package retry
