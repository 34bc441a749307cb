package gitlabjson

import "google.golang.org/protobuf/encoding/protowire"

// member is what the writing of JSON needs of a field, apart from the rest so that it
// is close together in memory.
type member struct {
	name   label   // after a comma, with the colon
	zero   [8]byte // the JSON of the unset field; the last byte is its length
	kind   kind
	always bool    // the member is there if the field is unset
	memo   uint8   // index in copies, maxMemos for none
	skip   uint8   // length of the tag; 0 for a repeated field, whose tags are read one by one
	tag    uint16  // the tag
	first  uint16  // the tag as it stands in wire form, in one or two bytes
	mask   uint16  // 0xff if it is one
	texts  []label // of an enum: the JSON of each value
	sub    *Table  // of an entity
}

func newMember(f *field) member {
	m := member{
		name:   newLabel("," + f.quoted),
		kind:   f.kind,
		always: f.always,
		memo:   uint8(f.memo),
		tag:    uint16(protowire.EncodeTag(f.number, wireTypes[f.kind])),
		first:  uint16(f.tag[0]),
		mask:   0xff,
		texts:  enumLabels(f.texts),
		sub:    f.sub,
	}
	if len(f.tag) > 1 {
		m.first |= uint16(f.tag[1]) << 8
		m.mask = 0xffff
	}
	if !f.repeated() {
		m.skip = uint8(len(f.tag))
	}
	m.zero[7] = byte(copy(m.zero[:7], f.zero()))
	return m
}

// zero returns the JSON of the unset field.
func (f *field) zero() string {
	if f.presence {
		return "null"
	}
	switch f.kind {
	case kindInt:
		return "0"
	case kindDouble:
		return "0.0"
	case kindBool:
		return "false"
	case kindString:
		return `""`
	case kindStrings, kindEntities:
		return "[]"
	case kindMap, kindListMap:
		return "{}"
	}
	return "null"
}

// enumLabels returns the JSON of an enum's values: null for the zero value.
func enumLabels(texts []string) []label {
	var labels []label
	for _, t := range texts {
		if t == "" {
			labels = append(labels, newLabel("null"))
		} else {
			labels = append(labels, newLabel(`"`+t+`"`))
		}
	}
	return labels
}

// appendZero appends the JSON of the unset field. It may write beyond it.
func (m *member) appendZero(dst []byte) []byte {
	n := len(dst)
	if cap(dst)-n < len(m.zero) {
		return append(dst, m.zero[:m.zero[7]]...)
	}
	*(*[8]byte)(dst[n : n+8]) = m.zero
	return dst[:n+int(m.zero[7])]
}

// wide is how many bytes a label is copied by: nearly all are shorter.
const wide = 32

// label is a short text that is appended often. To copy a fixed number of bytes is
// faster than to copy those that it has.
type label struct {
	text  string
	bytes [wide]byte // the text, zeros after it
}

func newLabel(text string) label {
	l := label{text: text}
	copy(l.bytes[:], text)
	return l
}

// append appends the label. It may write beyond it.
func (l *label) append(dst []byte) []byte {
	n := len(dst)
	if len(l.text) > wide || cap(dst)-n < wide {
		return append(dst, l.text...)
	}
	*(*[wide]byte)(dst[n : n+wide]) = l.bytes
	return dst[:n+len(l.text)]
}
