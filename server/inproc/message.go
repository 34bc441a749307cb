package inproc

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// refer makes dst a message of the fields of src, known and unknown, without a copy of
// what they refer to.
func refer(dst, src proto.Message) {
	d, s := dst.ProtoReflect(), src.ProtoReflect()
	d.SetUnknown(s.GetUnknown())
	s.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		d.Set(fd, v)
		return true
	})
}

// copyParsed makes dst a copy of src in which no known field is left among the
// unknown ones.
func copyParsed(dst, src proto.Message) error {
	if len(src.ProtoReflect().GetUnknown()) == 0 {
		proto.Merge(dst, src)
		return nil
	}
	wire, err := proto.Marshal(src)
	if err != nil {
		return err
	}
	return proto.Unmarshal(wire, dst)
}
