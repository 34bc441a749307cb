package gitlabjson

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Table says how one message type is written in GitLab's JSON.
type Table struct {
	name    protoreflect.FullName
	fields  []field  // in the order of the .proto, which is GitLab's
	members []member // the same, for writing
	names   words    // member name to index in fields
	always  uint64   // fields whose member is always there, by index
	index   [64]int8 // field number to index in fields, -1 if none
	drift   drift
}

// kind says which JSON value a field stands for.
type kind uint8

const (
	kindInt      kind = iota // a whole number
	kindDouble               // a number
	kindBool                 // true or false
	kindString               // text
	kindEnum                 // one of a set of words
	kindTime                 // text in the form of a time
	kindEntity               // an object with a table of its own
	kindStrings              // an array of texts
	kindEntities             // an array of such objects
	kindMap                  // an object of texts
	kindListMap              // an object of arrays of texts
	kindFree                 // any object
)

// field is one member of an entity.
type field struct {
	name     string // GitLab's member name
	quoted   string // the name as it stands in JSON, colon included
	kind     kind
	number   protowire.Number
	tag      string // the field's tag in wire form
	presence bool   // the field tells unset from zero
	nullable bool   // null is the unset field
	always   bool   // the member is always there
	memo     int    // index in memos, maxMemos for none
	width    int    // guess of how many bytes the length of an entity takes
	words    *words // of an enum
	texts    []string
	sub      *Table // of an entity
}

// repeated says whether the field may occur more than once in wire form.
func (f *field) repeated() bool {
	return f.kind == kindStrings || f.kind == kindEntities || f.kind == kindMap || f.kind == kindListMap
}

var tables = mustCompile(roots)

// TableOf returns the table of m's type, which must be an entity of GitLab's
// answers (a job, a trigger job, the allowed agents, or a part of one); nil if
// it is none. m may be a nil pointer.
func TableOf(m protoreflect.ProtoMessage) *Table {
	return tables[m.ProtoReflect().Descriptor().FullName()]
}

// mustCompile builds the tables of all messages that the roots contain. It
// panics on a contract that this package has no rule for, which only a change
// of the .proto files can bring about.
func mustCompile(roots []protoreflect.ProtoMessage) map[protoreflect.FullName]*Table {
	c := compiler{tables: map[protoreflect.FullName]*Table{}}
	for _, m := range roots {
		c.compile(m.ProtoReflect().Descriptor())
	}
	return c.tables
}

type compiler struct {
	tables map[protoreflect.FullName]*Table
	memos  int // how many were given out
}

func (c *compiler) compile(md protoreflect.MessageDescriptor) *Table {
	if t, ok := c.tables[md.FullName()]; ok {
		return t
	}
	t := &Table{name: md.FullName()}
	c.tables[md.FullName()] = t
	for i := range t.index {
		t.index[i] = -1
	}
	var names []string
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if fd.Number() == extraField || fd.Number() == absentField {
			continue
		}
		if len(t.fields) == 64 || fd.Number() >= 64 {
			panic(fmt.Sprintf("gitlabjson: %s has more fields than a table holds", md.FullName()))
		}
		f := c.field(fd)
		if f.always {
			t.always |= 1 << len(t.fields)
		}
		t.index[fd.Number()] = int8(len(t.fields))
		t.fields = append(t.fields, f)
		t.members = append(t.members, newMember(&f))
		names = append(names, f.name)
	}
	t.names = newWords(names)
	return t
}

func (c *compiler) field(fd protoreflect.FieldDescriptor) field {
	f := field{
		name:     string(fd.Name()),
		quoted:   `"` + string(fd.Name()) + `":`,
		kind:     kindOf(fd),
		number:   fd.Number(),
		presence: fd.HasPresence(),
		always:   !conditional[fd.FullName()],
		memo:     maxMemos,
	}
	f.nullable = f.always && f.presence
	f.tag = string(protowire.AppendTag(nil, f.number, wireTypes[f.kind]))
	switch f.kind {
	case kindEnum:
		f.words, f.texts = enumWords(fd.Enum())
	case kindEntity, kindEntities:
		f.sub = c.compile(fd.Message())
		f.width = 2
		if fd.Message().Fields().Len() <= 6 {
			f.width = 1
		}
		if f.kind == kindEntity && c.memos < maxMemos {
			f.memo = c.memos
			c.memos++
		}
	}
	return f
}

var wireTypes = [...]protowire.Type{
	kindInt:      protowire.VarintType,
	kindDouble:   protowire.Fixed64Type,
	kindBool:     protowire.VarintType,
	kindString:   protowire.BytesType,
	kindEnum:     protowire.VarintType,
	kindTime:     protowire.BytesType,
	kindEntity:   protowire.BytesType,
	kindStrings:  protowire.BytesType,
	kindEntities: protowire.BytesType,
	kindMap:      protowire.BytesType,
	kindListMap:  protowire.BytesType,
	kindFree:     protowire.BytesType,
}

func kindOf(fd protoreflect.FieldDescriptor) kind {
	switch {
	case fd.IsMap() && fd.MapValue().Kind() == protoreflect.StringKind:
		return kindMap
	case fd.IsMap() && fd.MapValue().Message().FullName() == "jobgate.v1.TrailerValues":
		return kindListMap
	case fd.IsList() && fd.Kind() == protoreflect.StringKind:
		return kindStrings
	case fd.IsList() && fd.Kind() == protoreflect.MessageKind:
		return kindEntities
	case fd.IsMap() || fd.IsList():
		panic(fmt.Sprintf("gitlabjson: no rule for the repeated field %s", fd.FullName()))
	}
	switch fd.Kind() {
	case protoreflect.Int64Kind:
		return kindInt
	case protoreflect.DoubleKind:
		return kindDouble
	case protoreflect.BoolKind:
		return kindBool
	case protoreflect.StringKind:
		return kindString
	case protoreflect.EnumKind:
		return kindEnum
	case protoreflect.MessageKind:
		switch fd.Message().FullName() {
		case "google.protobuf.Timestamp":
			return kindTime
		case "google.protobuf.Struct":
			return kindFree
		}
		return kindEntity
	}
	panic(fmt.Sprintf("gitlabjson: no rule for the type of %s", fd.FullName()))
}

// enumWords returns GitLab's words of an enum: the value's name without the
// enum's prefix, in lower case. The zero value has none.
func enumWords(ed protoreflect.EnumDescriptor) (*words, []string) {
	zero := string(ed.Values().ByNumber(0).Name())
	prefix := strings.TrimSuffix(zero, "UNSPECIFIED")
	texts := make([]string, ed.Values().Len())
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		if int(v.Number()) != i {
			panic(fmt.Sprintf("gitlabjson: the values of %s are not numbered from 0", ed.FullName()))
		}
		if i > 0 {
			texts[i] = strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix))
		}
	}
	w := newWords(texts)
	return &w, texts
}
