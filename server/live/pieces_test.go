package live

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/crc64nvme"
)

// What one reader has made of a chunk, all who are told the same chunk get; and it tells
// the truth about the log.
func TestPiecesAreMadeOnce(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(600_000)
		log := w.content()
		var made atomic.Int32
		build := func(p Piece) any {
			made.Add(1)
			end := p.Offset + int64(len(p.Data))
			if !bytes.Equal(p.Data, log[p.Offset:end]) || !bytes.Equal(p.Before, log[max(end-overlap, 0):end]) ||
				!p.Known || p.CRC != crc64nvme.Checksum(log[:end]) {
				t.Errorf("piece at %d is not of the log", p.Offset)
			}
			return p.Offset
		}
		var readers []*Reader
		for range 2 * manyReaders {
			r, err := w.hub.Join(t.Context(), token("a"), 7, 0, Before{})
			if err != nil {
				t.Fatal(err)
			}
			readers = append(readers, r)
		}
		later(time.Second) // the whole log is there
		chunks := 0
		for _, r := range readers {
			for at := 0; at < len(log); {
				event, err := r.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if event.Kind != Chunk {
					continue
				}
				if got := r.Shared(build); got != event.Offset {
					t.Errorf("the chunk at %d has the form %v", event.Offset, got)
				}
				at = int(event.Offset) + len(event.Data)
				chunks++
			}
		}
		if n := int(made.Load()); n*len(readers) > chunks*2 || n == 0 {
			t.Errorf("%d forms were made for %d chunks of %d readers", n, chunks, len(readers))
		}
		for i, r := range readers {
			if i == len(readers)-1 && r.Shared(build) != nil {
				t.Error("shared although nobody else is there")
			}
			r.Close()
		}
	})
}

func TestPiecesAreBounded(t *testing.T) {
	var p pieces
	for i := range 100 {
		p.get(start{nil, int64(i)}, 1<<20)
	}
	if p.bytes > sharedBytes || len(p.of) != len(p.order) || len(p.order) != sharedBytes>>20 {
		t.Errorf("%d bytes in %d pieces, %d in order", p.bytes, len(p.of), len(p.order))
	}
	last := p.order[len(p.order)-1]
	if p.get(last, 1<<20) != p.of[last] || p.get(last, 5).size != 5 {
		t.Error("a piece is not found, or is one of another size")
	}
}
