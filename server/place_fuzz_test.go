package server

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// FuzzCursorBytes makes cursors whose checksum is right, whatever they say: those are taken
// that are of this log and can be, by a slow reader, and mean the same when they are written
// again.
func FuzzCursorBytes(f *testing.F) {
	for _, c := range []cursor{
		{instance: 3, job: 7, offset: 5000, known: true, crc: 9, overlap: 1024},
		{instance: 3, job: 7},
		{instance: 3, job: 7, offset: 5, overlap: 6},
		{instance: 3, job: 7, offset: 5000, overlap: 1025},
		{instance: 3, job: 7, offset: -1},
		{instance: 4, job: 7},
		{instance: 3, job: 8},
	} {
		b, _ := base64.RawURLEncoding.DecodeString(c.String())
		f.Add(b[:43])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b [47]byte
		copy(b[:43], raw)
		binary.BigEndian.PutUint32(b[43:], crc32.ChecksumIEEE(b[:43]))
		text := base64.RawURLEncoding.EncodeToString(b[:])
		var is struct {
			Version, Flags byte
			Instance       uint16
			Job, Offset    int64
			CRC            uint64
			Hash           [8]byte
			Overlap        uint16
			Reserved       [5]byte
		}
		if err := binary.Read(bytes.NewReader(b[:]), binary.BigEndian, &is); err != nil {
			t.Fatal(err)
		}
		want := is.Version == 1 && is.Instance == 3 && is.Job == 7 && is.Offset >= 0 && is.Overlap <= 1024 && int64(is.Overlap) <= is.Offset
		c, err := parseCursor(text, 3, 7)
		if (err == nil) != want {
			t.Fatalf("%+v: %v", is, err)
		}
		if err != nil {
			return
		}
		if c.offset != is.Offset || c.crc != is.CRC || c.known != (is.Flags&1 != 0) || c.hash != is.Hash || c.overlap != is.Overlap {
			t.Errorf("%+v was taken as %+v", is, c)
		}
		again, err := parseCursor(c.String(), 3, 7)
		if err != nil || again != c || len(c.String()) > 64 {
			t.Errorf("%+v was written as %s, and that taken as %+v: %v", c, c, again, err)
		}
		if canonical := is.Flags <= 1 && is.Reserved == [5]byte{}; canonical && c.String() != text {
			t.Errorf("%s was written as %s", text, c)
		}
	})
}

// FuzzPlace makes page tokens that are right but for their place: one that is taken means the
// same when it is written again, for this list and no other.
func FuzzPlace(f *testing.F) {
	f.Add(byte(1), []byte("eyJpZCI6IjUifQ"))
	f.Add(byte(2), []byte{2, 20})
	f.Add(byte(2), []byte{0x82, 0x00, 20})
	f.Add(byte(2), binary.AppendUvarint(binary.AppendUvarint(nil, 1<<40), 100))
	f.Add(byte(2), binary.AppendUvarint(binary.AppendUvarint(nil, 1<<41), 101))
	f.Add(byte(3), []byte{1})
	f.Fuzz(func(t *testing.T, kind byte, place []byte) {
		req := &jobgatev1.ListProjectJobsRequest{Project: "1"}
		digest := requestDigest(req)
		b := append(append([]byte{1}, digest[:]...), kind)
		b = append(b, place...)
		text := base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
		at, err := parseToken(req, text)
		if err != nil {
			return
		}
		switch {
		case kind == 1 && at.Cursor == string(place) && at.Page == 0 && at.PerPage == 0 && len(place) > 0:
		case kind == 2 && at.Cursor == "" && at.Page >= 1 && at.Page <= 1<<40 && at.PerPage >= 1 && at.PerPage <= 100:
		default:
			t.Errorf("%d, %q was taken as %+v", kind, place, at)
		}
		written := pageToken(req, at)
		if again, err := parseToken(req, written); err != nil || again != at || pageToken(req, again) != written {
			t.Errorf("%+v was written as %s, and that taken as %+v: %v", at, written, again, err)
		}
		if _, err := parseToken(&jobgatev1.ListProjectJobsRequest{Project: "2"}, text); err == nil {
			t.Errorf("%s was taken for another list", text)
		}
	})
}
