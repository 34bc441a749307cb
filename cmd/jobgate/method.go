package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// method is one method of the contract.
type method struct {
	path          string // as gRPC wants it: /jobgate.v1.JobService/GetJob
	input, output protoreflect.MessageType
	streaming     bool
}

// contract is the package whose services can be called.
var contract = jobgatev1.File_jobgate_v1_job_service_proto.Package()

// methods are the methods of the contract, in the order of their full names.
func methods() []protoreflect.MethodDescriptor {
	var all []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage(contract, func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			service := f.Services().Get(i)
			for j := range service.Methods().Len() {
				all = append(all, service.Methods().Get(j))
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b protoreflect.MethodDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return all
}

// shortName is a method without its package: JobService/GetJob.
func shortName(m protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("%s/%s", m.Parent().Name(), m.Name())
}

func methodNames() []string {
	var names []string
	for _, m := range methods() {
		names = append(names, shortName(m))
	}
	return names
}

// findMethod returns the method that name means: with service and package, without the
// package, or by itself if only one service has it.
func findMethod(name string) (method, error) {
	wanted := strings.TrimPrefix(strings.TrimPrefix(name, "/"), string(contract)+".")
	wanted = strings.ReplaceAll(wanted, ".", "/")
	var found []protoreflect.MethodDescriptor
	for _, m := range methods() {
		if wanted == shortName(m) || wanted == string(m.Name()) {
			found = append(found, m)
		}
	}
	list := "methods:\n  " + strings.Join(methodNames(), "\n  ")
	switch {
	case len(found) == 0:
		return method{}, errors.New("unknown method; " + list)
	case len(found) > 1:
		return method{}, errors.New("more than one service has this method; " + list)
	}
	return compiled(found[0])
}

// compiled finds the generated types of a method.
func compiled(m protoreflect.MethodDescriptor) (method, error) {
	input, errInput := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	output, errOutput := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	return method{
		path:      fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()),
		input:     input,
		output:    output,
		streaming: m.IsStreamingServer(),
	}, errors.Join(errInput, errOutput)
}
