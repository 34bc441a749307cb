package server

import (
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/live"
)

// frame is a chunk event in wire form, made once for all who follow the log.
type frame struct {
	wire  []byte
	crc   uint64 // of the log up to the end of the chunk
	known bool
}

// frameOf makes the frame of a piece.
func (f *traceFollow) frameOf(p live.Piece) any {
	end := cursor{
		instance: f.instance, job: f.req.GetJobId(), offset: p.Offset + int64(len(p.Data)), crc: p.CRC, known: p.Known,
		overlap: uint16(len(p.Before)), hash: overlapHash(p.Before), //nolint:gosec // at most maxOverlap
	}
	wire, err := proto.Marshal(&jobgatev1.ReadTraceResponse{
		Event:  &jobgatev1.ReadTraceResponse_Chunk{Chunk: &jobgatev1.TraceChunk{Offset: p.Offset, Data: p.Data}},
		Cursor: end.String(),
	})
	if err != nil {
		return nil
	}
	return &frame{wire, p.CRC, p.Known}
}

// sendShared sends a chunk in the form that others have made of it, or make of it too, and
// says whether it could. It cannot where the caller takes no wire form, or knows more of
// the log than the others do: its digest from the first byte on.
func (f *traceFollow) sendShared(data []byte) (sent bool, err error) {
	if f.inside {
		return false, nil
	}
	shared, ok := f.reader.Shared(f.frameOf).(*frame)
	if !ok || shared == nil || f.place.at.known && !shared.known {
		return false, nil
	}
	event := new(jobgatev1.ReadTraceResponse)
	event.ProtoReflect().SetUnknown(shared.wire)
	f.place.jump(data, shared)
	return true, f.stream.Send(event)
}

// jump moves the place behind data without reading it.
func (p *place) jump(data []byte, to *frame) {
	p.at.offset += int64(len(data))
	if p.at.known {
		p.at.crc = to.crc
	}
	p.keep(data)
}
