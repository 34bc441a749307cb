package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jobgate/jobgate/upstream"
)

// A page token is a place in a list: base64url of
//
//	version (1) · digest of the request (8) · kind (1) · place · CRC-32 of all before (4)
//
// where the place is GitLab's cursor, or page number and page size. It names no
// host and grants nothing: whoever holds it still needs a credential.
const (
	tokenVersion = 1
	tokenCursor  = 1
	tokenPage    = 2
	tokenFrame   = 1 + 8 + 1 + 4
)

var (
	errTokenDamaged = errors.New("must be a next_page_token, unchanged")
	errTokenForeign = errors.New("must be used with the request that it came from")
)

// pageToken is the token of a place in the list that req asks for, empty at the end.
func pageToken(req proto.Message, at upstream.Position) string {
	if at == (upstream.Position{}) {
		return ""
	}
	digest := requestDigest(req)
	b := append([]byte{tokenVersion}, digest[:]...)
	if at.Cursor != "" {
		b = append(append(b, tokenCursor), at.Cursor...)
	} else {
		b = append(b, tokenPage)
		b = binary.AppendUvarint(b, uint64(at.Page))    //nolint:gosec // positive
		b = binary.AppendUvarint(b, uint64(at.PerPage)) //nolint:gosec // positive
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return opaque.EncodeToString(b)
}

// pagePosition is the place that the token of req stands for.
func pagePosition(req paged) (upstream.Position, error) {
	token := req.GetPageToken()
	if token == "" {
		return upstream.Position{}, nil
	}
	at, err := parseToken(req, token)
	if err != nil {
		return upstream.Position{}, invalid("page_token", err.Error())
	}
	return at, nil
}

func parseToken(req proto.Message, token string) (upstream.Position, error) {
	b, err := fromOpaque(token)
	if err != nil || len(b) < tokenFrame || b[0] != tokenVersion {
		return upstream.Position{}, errTokenDamaged
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return upstream.Position{}, errTokenDamaged
	}
	if digest := requestDigest(req); !bytes.Equal(body[1:9], digest[:]) {
		return upstream.Position{}, errTokenForeign
	}
	return parsePlace(body[9], body[10:])
}

func parsePlace(kind byte, place []byte) (upstream.Position, error) {
	switch kind {
	case tokenCursor:
		if len(place) > 0 {
			return upstream.Position{Cursor: string(place)}, nil
		}
	case tokenPage:
		page, n := binary.Uvarint(place)
		if n <= 0 {
			break
		}
		size, m := binary.Uvarint(place[n:])
		if m <= 0 || n+m != len(place) || page < 1 || page > 1<<40 || size < 1 || size > 100 {
			break
		}
		return upstream.Position{Page: int64(page), PerPage: int64(size)}, nil
	}
	return upstream.Position{}, errTokenDamaged
}

// requestDigest digests what a list is made of: the request but for its paging.
func requestDigest(req proto.Message) [8]byte {
	m := proto.Clone(req).ProtoReflect()
	for _, name := range []protoreflect.Name{"page_size", "page_token"} {
		m.Clear(m.Descriptor().Fields().ByName(name))
	}
	m.SetUnknown(nil)
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil {
		b = nil // only text that is no UTF-8 fails, and gRPC has refused that
	}
	sum := sha256.Sum256(append([]byte(m.Descriptor().FullName()), b...))
	return [8]byte(sum[:8])
}
