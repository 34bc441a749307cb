package gitlabjson

import "google.golang.org/protobuf/encoding/protowire"

// occurrences reads the occurrences of a field that is a text or a message.
type occurrences struct {
	wire []byte
	at   int    // where the next tag is
	tag  uint64 // of the field
	all  bool   // other fields are passed over; else the first of them is the end
	bad  bool   // the wire form is malformed
}

// firstTag is the tag of a text or a message that is field 1: of the elements of the
// messages that stand for an array or an object.
const firstTag = 1<<3 | uint64(protowire.BytesType)

// within returns the elements of such a message.
func within(message []byte) occurrences {
	return occurrences{wire: message, tag: firstTag, all: true}
}

// next reads the next occurrence; ok is false if there is none.
func (o *occurrences) next() (b []byte, ok bool) {
	for o.at < len(o.wire) {
		tag, at := varint(o.wire, o.at)
		if at < 0 || badTag(tag) {
			break
		}
		if tag == o.tag {
			if b, at = text(o.wire, at); at < 0 {
				break
			}
			o.at = at
			return b, true
		}
		if !o.all {
			return nil, false
		}
		if at = pass(o.wire, at, tag); at < 0 || tag>>3 == o.tag>>3 {
			break
		}
		o.at = at
	}
	o.bad = o.at < len(o.wire)
	return nil, false
}

// mapEntry reads an entry of a map.
func mapEntry(wire []byte) (key, value []byte, ok bool) {
	if key, value, ok = usualEntry(wire); ok {
		return key, value, true
	}
	key, value = nil, nil
	for at := 0; at < len(wire); {
		var tag uint64
		var v wireValue
		if tag, v, at = entry(wire, at); at < 0 {
			return nil, nil, false
		}
		switch tag >> 3 {
		case 1:
			key = v.bytes
		case 2:
			value = v.bytes
		}
	}
	return key, value, true
}

// usualEntry reads an entry of a key and a value after it. ok is false for others.
func usualEntry(wire []byte) (key, value []byte, ok bool) {
	if len(wire) == 0 || wire[0] != keyTag {
		return nil, nil, false
	}
	key, at := text(wire, 1)
	if at < 0 || at == len(wire) || wire[at] != valueTag {
		return nil, nil, false
	}
	value, at = text(wire, at+1)
	return key, value, at == len(wire)
}
