package rest

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
)

// dialect is grpc-gateway's marshaler: requests are protobuf's JSON, which bind has made,
// answers are GitLab's.
type dialect struct{}

var _ runtime.Marshaler = dialect{}

// answered is a message that is the answer of an exchange.
type answered struct {
	*exchange
	message proto.Message
}

// ContentType implements [runtime.Marshaler].
func (dialect) ContentType(any) string { return "application/json" }

// Marshal writes an answer in GitLab's JSON.
func (dialect) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case *answered:
		return v.encode()
	case proto.Message:
		return appendMessage(nil, v)
	}
	return nil, fmt.Errorf("%T is no message", v)
}

// Unmarshal reads a request.
func (dialect) Unmarshal(data []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	return protojson.Unmarshal(data, m)
}

// NewDecoder implements [runtime.Marshaler].
func (d dialect) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return d.Unmarshal(data, v)
	})
}

// NewEncoder implements [runtime.Marshaler].
func (d dialect) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		data, err := d.Marshal(v)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
}

// encode writes the body, unless the caller has it already or the frame cache does. The
// memory of the message is free afterwards.
func (a *answered) encode() ([]byte, error) {
	if a.fresh {
		a.Lease.Release()
		return nil, nil
	}
	if a.Frame != nil {
		if json := a.Frame.JSON(); json != nil {
			return json, nil
		}
	}
	a.encoding = newBuffer()
	var err error
	a.encoding.bytes, err = appendMessage(a.encoding.bytes, a.message)
	a.Lease.Release()
	if a.Frame != nil && err == nil {
		a.Frame.AttachJSON(append(make([]byte, 0, len(a.encoding.bytes)), a.encoding.bytes...))
	}
	return a.encoding.bytes, err
}

// appendMessage appends the body that says what m says.
func appendMessage(dst []byte, m proto.Message) ([]byte, error) {
	wire, err := wireOf(m)
	if err != nil {
		return dst, err
	}
	switch m.(type) {
	case *jobgatev1.ListProjectJobsResponse, *jobgatev1.ListPipelineJobsResponse:
		return jobTable.AppendJSONList(dst, wire, 1)
	case *jobgatev1.ListPipelineBridgesResponse:
		return bridgeTable.AppendJSONList(dst, wire, 1)
	case *jobgatev1.PlayJobResponse:
		return appendPlayed(dst, wire)
	}
	table := gitlabjson.TableOf(m)
	if table == nil {
		return dst, fmt.Errorf("%T is no answer of GitLab's", m)
	}
	return table.AppendJSON(dst, wire)
}

var (
	jobTable    = gitlabjson.TableOf(&jobgatev1.Job{})
	bridgeTable = gitlabjson.TableOf(&jobgatev1.Bridge{})
)

// wireOf is the wire form of a message: of a wire-backed one its unknown fields, beside
// which only what is no part of the body may be set, such as the next page's token.
func wireOf(m proto.Message) ([]byte, error) {
	r := m.ProtoReflect()
	first := r.Descriptor().Fields().ByNumber(1)
	if wire := r.GetUnknown(); len(wire) > 0 && (first == nil || !r.Has(first)) {
		return wire, nil
	}
	return proto.Marshal(m)
}

// appendPlayed appends the job or trigger job that a PlayJobResponse holds.
func appendPlayed(dst, wire []byte) ([]byte, error) {
	number, _, n := protowire.ConsumeTag(wire)
	entity, m := protowire.ConsumeBytes(wire[max(n, 0):])
	if n < 0 || m < 0 {
		return dst, errors.New("the answer to play is neither a job nor a trigger job")
	}
	if number == 2 {
		return bridgeTable.AppendJSON(dst, entity)
	}
	return jobTable.AppendJSON(dst, entity)
}

// keptBuffer is the largest buffer that is used again, in bytes.
const keptBuffer = 1 << 20

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// buffer holds an answer until it is written.
type buffer struct{ bytes []byte }

func newBuffer() *buffer {
	b, _ := buffers.Get().(*buffer)
	return b
}

// free gives b back. Of nil it does nothing.
func (b *buffer) free() {
	if b != nil && cap(b.bytes) <= keptBuffer {
		b.bytes = b.bytes[:0]
		buffers.Put(b)
	}
}
