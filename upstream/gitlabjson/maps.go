package gitlabjson

// stringMap reads an object whose values are strings, or arrays of strings. It is
// not exact if a name comes twice: the map holds the last one then, and the
// residue both.
func (d *decoder) stringMap(f *field) (fits, exact bool) {
	d.pos++
	if d.peek() == '}' {
		d.pos++
		return true, true
	}
	base := len(d.names)
	exact = true
	for more := true; more; {
		d.dst = append(d.dst, f.tag...)
		at := d.open(f.width + 1)
		if !d.mapKey() || !d.mapValue(f.kind) {
			return false, false
		}
		exact = exact && d.fresh(base)
		var ok bool
		if more, ok = d.separator('}'); !ok {
			return false, false
		}
		d.closeNamed(at, f.width+1)
	}
	d.names = d.names[:base]
	return true, exact
}

// mapKey reads a member's name and colon into the key of a map entry and notes
// it. It returns false for a name that text cannot hold.
func (d *decoder) mapKey() bool {
	if d.peek() != '"' {
		return d.fail("a member's name")
	}
	start, end, plain, ok := d.str()
	if !ok || !d.colon() {
		return false
	}
	name := d.src[start:end]
	if !plain {
		if name, ok = appendUnescaped(nil, name); !ok {
			return false
		}
	}
	d.dst = append(d.dst, keyTag)
	d.note(name)
	return true
}

// mapValue reads a string, or an array of strings, into the value of a map entry.
func (d *decoder) mapValue(k kind) bool {
	d.dst = append(d.dst, valueTag)
	switch c := d.peek(); {
	case k == kindMap && c == '"':
		start, end, plain, ok := d.str()
		return ok && d.contents(start, end, plain)
	case k == kindListMap && c == '[':
		at := d.open(1)
		if !d.texts(string([]byte{keyTag})) {
			return false
		}
		d.close(at, 1)
		return true
	}
	return false
}

// closeNamed is close for a message whose first field is the name last noted: the
// note moves along with it.
func (d *decoder) closeNamed(at, width int) {
	before := len(d.dst)
	d.close(at, width)
	own := &d.names[len(d.names)-1]
	moved := len(d.dst) - before
	own.start, own.end = own.start+moved, own.end+moved
}
