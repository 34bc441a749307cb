package gitlabjson

import "bytes"

// appendUnmodelled appends the members that the entries of extra in wire hold and no
// field stands for. Of one that comes twice, the last counts, at the place of the
// first.
func (t *Table) appendUnmodelled(dst, wire []byte) []byte {
	var last map[string][]byte
	if t.repeats(wire) {
		last = t.lasts(wire)
	}
	for at := 0; at < len(wire); {
		var name, raw []byte
		var ok bool
		if name, raw, ok, at = t.unmodelled(wire, at); !ok {
			continue
		}
		if last != nil {
			if raw, ok = last[string(name)]; !ok {
				continue
			}
			delete(last, string(name))
		}
		dst = append(appendName(append(dst, ','), name), ':')
		dst = append(dst, raw...)
	}
	return dst
}

// appendName appends a member's name from the form that the residue keeps it in.
func appendName(dst, name []byte) []byte {
	if len(name) > 0 && name[0] == '"' {
		return append(dst, name...)
	}
	return appendQuoted(dst, name)
}

// unmodelled reads the field at that place; ok says whether it is an entry of extra
// that no field of the table stands for.
func (t *Table) unmodelled(wire []byte, at int) (name, raw []byte, ok bool, next int) {
	tag, v, next := entry(wire, at)
	if tag>>3 != extraField {
		return nil, nil, false, next
	}
	name, raw, _ = mapEntry(v.bytes)
	return name, raw, t.names.find(name) < 0, next
}

// repeats says whether a name comes twice, which only another sender's message can
// hold. It is true as well of more names than are compared one by one.
func (t *Table) repeats(wire []byte) bool {
	var room [16][]byte
	names := room[:0]
	for at := 0; at < len(wire); {
		var name []byte
		var ok bool
		if name, _, ok, at = t.unmodelled(wire, at); !ok {
			continue
		}
		if len(names) == cap(names) {
			return true
		}
		for _, other := range names {
			if bytes.Equal(name, other) {
				return true
			}
		}
		names = append(names, name)
	}
	return false
}

// lasts returns the text that counts of each name.
func (t *Table) lasts(wire []byte) map[string][]byte {
	last := map[string][]byte{}
	for at := 0; at < len(wire); {
		var name, raw []byte
		var ok bool
		if name, raw, ok, at = t.unmodelled(wire, at); ok {
			last[string(name)] = raw
		}
	}
	return last
}
