package gitlabjson

import (
	"bytes"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// unknown reads the value of a member that has no field into the residue.
func (d *decoder) unknown(t *Table, name []byte) bool {
	t.drift.count(name)
	start := d.pos
	return d.skip() && d.extra(name, d.src[start:d.pos])
}

// maxFresh is how many names of one object are compared one by one.
const maxFresh = 64

// fresh says whether the name last noted differs from all others noted since
// base, which are those of the same object. It is false as well when there are
// too many to compare: the caller then takes the way that costs more memory.
func (d *decoder) fresh(base int) bool {
	names := d.names[base:]
	own := names[len(names)-1]
	if len(names) > maxFresh {
		return false
	}
	for _, n := range names[:len(names)-1] {
		if bytes.Equal(d.dst[n.start:n.end], d.dst[own.start:own.end]) {
			return false
		}
	}
	return true
}

// note appends a name with its length and notes where it is.
func (d *decoder) note(name []byte) {
	d.dst = protowire.AppendVarint(d.dst, uint64(len(name)))
	start := len(d.dst)
	d.dst = append(d.dst, name...)
	d.names = append(d.names, span{start, len(d.dst)})
}

// extra appends an entry of the residue and notes its name.
func (d *decoder) extra(name, raw []byte) bool {
	for len(raw) > 0 && raw[0] <= ' ' {
		raw = raw[1:]
	}
	d.residues++
	size := 2 + protowire.SizeBytes(len(name)) + protowire.SizeBytes(len(raw))
	d.dst = protowire.AppendTag(d.dst, extraField, protowire.BytesType)
	d.dst = protowire.AppendVarint(d.dst, uint64(size))
	d.dst = append(d.dst, keyTag)
	d.note(name)
	d.dst = append(d.dst, valueTag)
	d.dst = protowire.AppendBytes(d.dst, raw)
	return true
}

// The tags of a map entry whose value is text or a message.
const (
	keyTag   = 1<<3 | byte(protowire.BytesType)
	valueTag = 2<<3 | byte(protowire.BytesType)
)

// absent appends the numbers of fields whose members were missing.
func (d *decoder) absent(t *Table, missing uint64) {
	d.dst = protowire.AppendTag(d.dst, absentField, protowire.BytesType)
	at := d.open(1)
	for ; missing != 0; missing &= missing - 1 {
		d.dst = append(d.dst, byte(t.fields[bits.TrailingZeros64(missing)].number))
	}
	d.close(at, 1)
}
