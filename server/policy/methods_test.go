package policy

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// TestMethodsAreThoseOfTheContract: names, which ones write, and which name a project.
func TestMethodsAreThoseOfTheContract(t *testing.T) {
	want := map[method]bool{}
	protoregistry.GlobalFiles.RangeFilesByPackage("jobgate.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				options, _ := m.Options().(*descriptorpb.MethodOptions)
				want[method{
					service: string(service.Name()), name: string(m.Name()),
					write:   options.GetIdempotencyLevel() != descriptorpb.MethodOptions_NO_SIDE_EFFECTS,
					project: m.Input().Fields().ByName("project") != nil,
				}] = true
			}
		}
		return true
	})
	for _, m := range methods {
		if !want[m] {
			t.Errorf("the contract has no %+v", m)
		}
		delete(want, m)
	}
	for m := range want {
		t.Errorf("missing: %+v", m)
	}
	if len(methodNumbers) != 4*len(methods) {
		t.Errorf("%d names for %d methods: some are not unique", len(methodNumbers), len(methods))
	}
}
