package gitlabjson

import "bytes"

// memos remember, while a list is read, the last value of each member that is an
// entity. The jobs of a list mostly have the same user, commit, pipeline and runner,
// letter for letter: comparing and copying them is several times as fast as reading
// them again. Equal text gives equal wire form, so nothing depends on it.
type memos [maxMemos]memo

// maxMemos is how many members of all entities have a memo; the others do without.
const maxMemos = 24

// memo is where a value stands in the JSON, and where its field does in wire form.
type memo struct{ json, wire span }

// recall appends the wire form of an entity whose text is that of the last one.
func (d *decoder) recall(f *field) bool {
	if d.memos == nil || f.memo >= maxMemos {
		return false
	}
	m := &d.memos[f.memo]
	size := m.json.end - m.json.start
	if size == 0 || len(d.src)-d.pos < size ||
		!bytes.Equal(d.src[d.pos:d.pos+size], d.src[m.json.start:m.json.end]) {
		return false
	}
	d.dst = append(d.dst, d.dst[m.wire.start:m.wire.end]...)
	d.pos += size
	return true
}

// remember notes an entity that was just read. One with a residue is read each time,
// so that what the contract lacks is counted each time.
func (d *decoder) remember(f *field, json, wire, residues int) {
	if d.memos != nil && f.memo < maxMemos && d.residues == residues {
		d.memos[f.memo] = memo{span{json, d.pos}, span{wire, len(d.dst)}}
	}
}

// forget drops the memos of what is no longer where it was in wire form.
func (d *decoder) forget(from int) {
	if d.memos == nil {
		return
	}
	for i := range d.memos {
		if d.memos[i].wire.end > from {
			d.memos[i] = memo{}
		}
	}
}

// truncate takes back what was appended since dst had that length.
func (d *decoder) truncate(length int) {
	d.dst = d.dst[:length]
	d.forget(length)
}
