package upstream

import "bytes"

// lineStarts remembers the starts of the last lines of what is written to it.
type lineStarts struct {
	ring   []int64 // places after the last newlines before the last byte
	keep   int     // how many
	oldest int     // index of the oldest, once the ring is full
	seen   int64   // bytes
	open   bool    // the last byte was a newline, whose line may be the last
}

// Write counts.
func (e *lineStarts) Write(p []byte) (int, error) {
	total := len(p)
	if e.open && total > 0 { // bytes follow, so a line starts there
		e.add(e.seen)
		e.open = false
	}
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			e.seen += int64(len(p))
			return total, nil
		}
		e.seen += int64(i) + 1
		if p = p[i+1:]; len(p) == 0 {
			e.open = true
			return total, nil
		}
		e.add(e.seen)
	}
}

func (e *lineStarts) add(start int64) {
	switch {
	case e.keep == 0:
	case len(e.ring) < e.keep:
		e.ring = append(e.ring, start)
	default:
		e.ring[e.oldest] = start
		e.oldest = (e.oldest + 1) % e.keep
	}
}

// tail is where the last lines begin: at 0 if there are no more than that.
func (e *lineStarts) tail() int64 {
	if len(e.ring) < e.keep {
		return 0
	}
	return e.ring[e.oldest]
}
