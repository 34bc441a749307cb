package follow

import (
	"github.com/minio/crc64nvme"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// place is where a log has been read to, over all streams. Its methods take one event
// each; one that does not fit is an error and changes nothing.
type place struct {
	cursor string // "" before the first event
	next   int64  // the byte that is to come next, -1 if not known
	got    int64  // bytes that were received and still hold
	crc    uint64 // of all bytes before next, if whole
	whole  bool
}

// begin is where the request begins. Of a tail and a cursor the first bytes will tell.
func begin(req *jobgatev1.ReadTraceRequest) place {
	switch start := req.GetStart().(type) {
	case nil:
		return place{whole: true}
	case *jobgatev1.ReadTraceRequest_Offset:
		return place{next: start.Offset, whole: start.Offset == 0}
	case *jobgatev1.ReadTraceRequest_Cursor:
		return place{cursor: start.Cursor, next: -1}
	}
	return place{next: -1}
}

func (p *place) chunk(c *jobgatev1.TraceChunk, cursor string) error {
	if err := p.check(c.GetOffset(), cursor); err != nil {
		return err
	}
	if p.next < 0 {
		p.whole = c.GetOffset() == 0
	}
	size := int64(len(c.GetData()))
	p.cursor, p.next, p.got = cursor, c.GetOffset()+size, p.got+size
	if p.whole {
		p.crc = crc64nvme.Update(p.crc, c.GetData())
	}
	return nil
}

func (p *place) gap(g *jobgatev1.TraceGap, cursor string) error {
	if err := p.check(g.GetOffset(), cursor); err != nil {
		return err
	}
	if g.GetNextOffset() < g.GetOffset() {
		return &SequenceError{Want: g.GetOffset(), Got: g.GetNextOffset()}
	}
	p.cursor, p.next, p.whole = cursor, g.GetNextOffset(), false
	return nil
}

// reset goes back. Forward would be a hole.
func (p *place) reset(r *jobgatev1.TraceReset, cursor string) error {
	offset := r.GetOffset()
	switch {
	case cursor == "":
		return errNoCursor
	case offset < 0 || p.next >= 0 && offset > p.next:
		return &SequenceError{Want: p.next, Got: offset}
	}
	if p.next >= 0 {
		p.got = max(0, p.got-(p.next-offset))
	}
	p.cursor, p.next, p.crc, p.whole = cursor, offset, 0, offset == 0
	return nil
}

// stay is an event that has no bytes.
func (p *place) stay(cursor string) {
	if cursor != "" {
		p.cursor = cursor
	}
}

func (p *place) end(e *jobgatev1.TraceEnd, cursor string) error {
	switch {
	case p.next >= 0 && e.GetSize() != p.next:
		return &SequenceError{Want: p.next, Got: e.GetSize()}
	case p.whole && e.Crc64 != nil && e.GetCrc64() != p.crc:
		return ErrDigest
	}
	p.next = e.GetSize()
	p.stay(cursor)
	return nil
}

// check is the rule of the sequence: at the byte that is to come next, with a cursor.
func (p *place) check(offset int64, cursor string) error {
	switch {
	case cursor == "":
		return errNoCursor
	case offset < 0 || p.next >= 0 && offset != p.next:
		return &SequenceError{Want: p.next, Got: offset}
	}
	return nil
}
