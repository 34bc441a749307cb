// Package slots bounds how many calls are under way at a time: a [Limiter] has so many
// slots, of which calls with the same key, a route or a caller, may have no more than a
// share, so that slow ones leave some to the others. Who finds none waits in line: first
// come, first served, but for those whose key has all that it may have.
package slots
