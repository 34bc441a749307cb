package gitlabjson

import "bytes"

// copies remember, while a list is written, the last value of each member that is an
// entity, as memos do while one is read. Equal wire form gives equal JSON, so nothing
// depends on it.
type copies [maxMemos]rendered

// rendered is the wire form of an entity, and where its JSON stands in the text.
type rendered struct {
	wire []byte
	json span
}

// entity appends the entity of a member.
func (e *encoder) entity(dst []byte, m *member, wire []byte) ([]byte, bool) {
	if e.copies == nil || m.memo >= maxMemos {
		return e.object(dst, m.sub, wire)
	}
	last := &e.copies[m.memo]
	if last.json.end > 0 && bytes.Equal(last.wire, wire) {
		return append(dst, dst[last.json.start:last.json.end]...), true
	}
	start := len(dst)
	dst, ok := e.object(dst, m.sub, wire)
	if ok {
		*last = rendered{wire, span{start, len(dst)}}
	}
	return dst, ok
}

// forget drops what the text no longer holds when it ends at that place.
func (c *copies) forget(end int) {
	if c == nil {
		return
	}
	for i := range c {
		if c[i].json.end > end {
			c[i] = rendered{}
		}
	}
}
