package main

import (
	"testing"
	"time"
)

// TestReadersOfAllSpeeds has fast, slow and stopped followers read one log: the fast ones
// get all of it, and the others leave then.
func TestReadersOfAllSpeeds(t *testing.T) {
	const size = 4*frameSize + 12345
	b := &bench{}
	p := serveTest(t, fanoutName, serveFanout, roleConfig{})
	job := b.followJob()
	all := []manner{{check: true}, {}, {speed: size / 60}, {stop: 1}, {stop: 2 * frameSize}}
	f, err := followAs(t.Context(), p, job, len(all), []int64{size}, narrow, func(i int) manner { return all[i] })
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	start := time.Now()
	if _, err := b.grow(t.Context(), p, job, size, false); err != nil {
		t.Fatal(err)
	}
	if err := f.wait(&f.passed[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := b.grow(t.Context(), p, job, 0, true); err != nil {
		t.Fatal(err)
	}
	if err := f.ended(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("the fast ones waited for the slow ones: %v", took)
	}
	if n := f.others.Load(); n < 4*frameSize || n > 5*frameSize {
		t.Errorf("the others have read %d bytes", n)
	}
	if n := f.chunks.Load(); n != 2*5 {
		t.Errorf("the fast ones have read %d chunks", n)
	}
}

// TestManners looks at those of the row.
func TestManners(t *testing.T) {
	r := readersRow{size: readersSize, fast: fastReaders, slow: slowReaders, stopped: stoppedReaders}
	var got readersRow
	for _, m := range r.manners(1) {
		if m.from < 0 || m.from >= r.size || m.stop > stopWithin || m.speed > quickest || m.speed > 0 && m.speed < slowest {
			t.Errorf("%+v", m)
		}
		switch {
		case m.fast() && m.from == 0:
			got.fast++
		case m.speed > 0:
			got.slow++
		case m.stop > 0:
			got.stopped++
		}
	}
	if got.size = r.size; got != r {
		t.Errorf("got %+v", got)
	}
}
