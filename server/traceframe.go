package server

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jobgate/jobgate/server/live"
)

// frame is what surrounds the data of a chunk event in wire form, made once for all who
// follow the log. If the data is small, all of the event is the head.
type frame struct {
	head, tail mem.Buffer // never freed
	crc        uint64     // of the log up to the end of the chunk
	known      bool
}

// frameOf makes the frame of a piece.
func (f *traceFollow) frameOf(p live.Piece) any {
	end := cursor{
		instance: f.instance, job: f.req.GetJobId(), offset: p.Offset + int64(len(p.Data)), crc: p.CRC, known: p.Known,
		overlap: uint16(len(p.Before)), hash: overlapHash(p.Before), //nolint:gosec // at most maxOverlap
	}
	return newFrame(p.Offset, p.Data, end.String(), p.CRC, p.Known)
}

// Numbers of fields.
const (
	responseChunk  = 1
	responseCursor = 6
	chunkOffset    = 1
	chunkData      = 2
)

func newFrame(offset int64, data []byte, cursor string, crc uint64, known bool) *frame {
	size := len(data)
	chunk := size + protowire.SizeTag(chunkData) + protowire.SizeVarint(uint64(size))
	if offset != 0 {
		chunk += protowire.SizeTag(chunkOffset) + protowire.SizeVarint(uint64(offset)) //nolint:gosec // not negative
	}
	small := copied(data)
	b := make([]byte, 0, 32+len(cursor)+len(small))
	b = protowire.AppendTag(b, responseChunk, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(chunk)) //nolint:gosec // not negative
	if offset != 0 {
		b = protowire.AppendTag(b, chunkOffset, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(offset)) //nolint:gosec // not negative
	}
	b = protowire.AppendTag(b, chunkData, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = append(b, small...)
	head := len(b)
	b = protowire.AppendTag(b, responseCursor, protowire.BytesType)
	b = protowire.AppendString(b, cursor)
	if len(small) > 0 {
		return &frame{head: mem.SliceBuffer(b), crc: crc, known: known}
	}
	return &frame{head: mem.SliceBuffer(b[:head:head]), tail: mem.SliceBuffer(b[head:]), crc: crc, known: known}
}

// copied returns data that gRPC takes no notice of when it is done with it, so that it has
// to be copied; of other data, nothing.
func copied(data []byte) []byte {
	if mem.IsBelowBufferPoolingThreshold(len(data)) {
		return data
	}
	return nil
}

// sending is a chunk event on its way: gRPC sends the data from where it is, and puts it
// into the sending, as into a pool, once it is done with it.
type sending struct {
	*frame
	data  []byte
	done  chan struct{} // told once, unless the data is small
	parts [3]mem.Buffer
}

var _ mem.BufferPool = (*sending)(nil)

// Get is not called.
func (s *sending) Get(length int) *[]byte { return new(make([]byte, length)) }

// Put notes that nobody reads the data any more.
func (s *sending) Put(*[]byte) { s.done <- struct{}{} }

// wire is the event in wire form, once.
func (s *sending) wire() mem.BufferSlice {
	if s.tail == nil {
		return mem.BufferSlice{s.head}
	}
	s.parts = [3]mem.Buffer{s.head, mem.NewBuffer(&s.data, s), s.tail}
	return s.parts[:]
}

// sendShared sends a chunk from where it is, with what others have made of it, or make of it
// too, and says whether it could: not to a caller in this process, who takes no wire form.
// It returns when gRPC has written all of it, so that of a stream whose caller does not
// read no more is held than this chunk.
func (f *traceFollow) sendShared(data []byte) (sent bool, err error) {
	if f.inside {
		return false, nil
	}
	event := &sending{frame: f.frame(data), data: data}
	if event.tail == nil {
		return true, f.stream.SendMsg(event)
	}
	if f.done == nil {
		f.done = make(chan struct{}, 1)
	}
	event.done = f.done
	gone := f.stream.Context().Done()
	if err = f.stream.SendMsg(event); err != nil {
		gone = closed
	}
	select {
	case <-f.done:
	case <-gone: // gRPC may be reading it even now
		f.done = nil
		f.reader.Abandon()
	}
	return true, err
}

// closed is a channel that is.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// frame is what surrounds the data that comes next, and moves the place behind it. What
// others make is of no use to a caller who knows more of the log than they do: its digest
// from the first byte on.
func (f *traceFollow) frame(data []byte) *frame {
	shared, ok := f.reader.Shared(f.frameOf).(*frame)
	if ok && shared != nil && (shared.known || !f.place.at.known) {
		f.place.jump(data, shared)
		return shared
	}
	offset := f.place.at.offset
	f.place.advance(data)
	return newFrame(offset, data, f.place.cursor(), f.place.at.crc, f.place.at.known)
}

// jump moves the place behind data without reading it.
func (p *place) jump(data []byte, to *frame) {
	p.at.offset += int64(len(data))
	if p.at.known {
		p.at.crc = to.crc
	}
	p.keep(data)
}
