package server

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A cursor is a place in a job's log, to continue from in another call, perhaps on
// another replica: base64url of the 47 bytes
//
//	version (1) · flags (1) · instance (2) · job (8) · offset (8) ·
//	CRC-64 of all bytes before (8) · hash of the last bytes before (8) ·
//	length of those (2) · reserved (5) · CRC-32 of all before (4)
//
// It is not signed: it grants nothing. The hash is compared with what GitLab has
// there now before a stream goes on.
type cursor struct {
	instance uint16 // which GitLab
	job      int64
	offset   int64
	crc      uint64 // CRC-64/NVME of the log up to offset, if known
	known    bool   // whether crc is
	overlap  uint16 // how many bytes before offset the hash covers
	hash     [8]byte
}

const (
	cursorVersion  = 1
	cursorSize     = 47
	cursorKnownCRC = 1
	// maxOverlap is how many bytes before a cursor are compared when it is used.
	maxOverlap = 1 << 10
)

var (
	errCursorDamaged = errors.New("must be the cursor of an event, unchanged")
	errCursorForeign = errors.New("must be used with the job that it came from")
)

func (c cursor) String() string {
	var b [cursorSize]byte
	b[0] = cursorVersion
	if c.known {
		b[1] = cursorKnownCRC
	}
	binary.BigEndian.PutUint16(b[2:], c.instance)
	binary.BigEndian.PutUint64(b[4:], uint64(c.job))     //nolint:gosec // a pattern of bits
	binary.BigEndian.PutUint64(b[12:], uint64(c.offset)) //nolint:gosec // a pattern of bits
	binary.BigEndian.PutUint64(b[20:], c.crc)
	copy(b[28:], c.hash[:])
	binary.BigEndian.PutUint16(b[36:], c.overlap)
	binary.BigEndian.PutUint32(b[43:], crc32.ChecksumIEEE(b[:43]))
	return opaque.EncodeToString(b[:])
}

// parseCursor reads the cursor of a stream of that job.
func parseCursor(text string, instance uint16, job int64) (cursor, error) {
	b, err := fromOpaque(text)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion ||
		crc32.ChecksumIEEE(b[:43]) != binary.BigEndian.Uint32(b[43:]) {
		return cursor{}, errCursorDamaged
	}
	c := cursor{
		known:    b[1]&cursorKnownCRC != 0,
		instance: binary.BigEndian.Uint16(b[2:]),
		job:      int64(binary.BigEndian.Uint64(b[4:])),  //nolint:gosec // a pattern of bits
		offset:   int64(binary.BigEndian.Uint64(b[12:])), //nolint:gosec // checked below
		crc:      binary.BigEndian.Uint64(b[20:]),
		hash:     [8]byte(b[28:36]),
		overlap:  binary.BigEndian.Uint16(b[36:]),
	}
	switch {
	case c.offset < 0 || c.overlap > maxOverlap || int64(c.overlap) > c.offset:
		return cursor{}, errCursorDamaged
	case c.job != job || c.instance != instance:
		return cursor{}, errCursorForeign
	}
	return c, nil
}

// overlapHash is the hash of the bytes before a cursor.
func overlapHash(b []byte) [8]byte {
	sum := sha256.Sum256(b)
	return [8]byte(sum[:8])
}
