package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// lazyPercent is how much garbage the collector lets pile up, of what lives.
const lazyPercent, leastPercent = 200, 10

// limitCollections halves the number of garbage collections, unless the operator has
// chosen: what lives is small, and nearly all memory is the garbage of single calls, so
// that a heap of twice the usual size costs little and saves much of the collector's time.
// It returns how to do so once there is something that lives long and is not small, of
// which held tells the bytes: they do not count, or they would let garbage pile up to twice
// their number, but take some of its room.
func limitCollections() (beside func(held func() int64)) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func(func() int64) {}
	}
	debug.SetGCPercent(lazyPercent)
	return afterCollections
}

// afterCollections sets the percentage anew after each collection.
func afterCollections(held func() int64) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := lazyPercent
	var again func(*[64]byte)
	again = func(*[64]byte) {
		metrics.Read(live)
		percent := percentFor(int64(live[0].Value.Uint64()), held()) //nolint:gosec // bytes
		if percent != set {
			set = percent
			debug.SetGCPercent(set)
		}
		runtime.SetFinalizer(new([64]byte), again) // run after the next collection
	}
	again(nil)
}

// percentFor is the percentage for so many bytes that live, some of which are held.
func percentFor(live, held int64) int {
	rest := live - held
	if rest <= 0 {
		return leastPercent
	}
	return max(int(max(lazyPercent*rest-100*held, 50*rest)/live), leastPercent)
}
